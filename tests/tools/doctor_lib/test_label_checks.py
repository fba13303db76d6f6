"""Classes that the doctor warns of, since training sees few of them or none."""

from __future__ import annotations

from collections import Counter

import pytest

from doctor_lib.label_checks import lowered, never_seen, only_in_validation
from doctor_lib.scan import Facts
from doctor_lib.sources import Item, Source

NAMED = Source("config", classes=("sky", "road", "car", "sign"))


def facts(split, *images):
    """Label maps with a pixel of each of these values."""
    return [
        Facts(Item(split, "x.png", "x.png"), label_type="uint8", values=Counter(values))
        for values in images
    ]


def said(check, source, found):
    """The texts of what a check finds, all of it warnings."""
    findings = list(check(source, found))
    assert {x.level for x in findings} <= {"warning"}
    return [x.text for x in findings]


NEVER = "1 of 4 classes never occur in training: sign."


@pytest.mark.parametrize(
    ("images", "wanted"),
    [
        (100, [NEVER]),  # one image with a car is 1 %
        (
            101,
            [
                NEVER,
                "1 of 4 classes occur in fewer than 1 % of the 101 training images: "
                "car.",
            ],
        ),
    ],
)
def test_classes_without_and_with_few_training_images(images, wanted):
    train = facts("train", [0, 1, 2], [0, 1], *[[0]] * (images - 2))
    assert said(never_seen, NAMED, train + facts("val", [2, 3])) == wanted


def test_classes_of_a_folder_are_the_numbers_up_to_the_highest():
    found = facts("train", [0, 3, 255], [3]) + facts("val", [5])
    assert said(never_seen, Source("folder"), found) == [
        "2 of 4 classes never occur in training: 1, 2."
    ]
    assert said(only_in_validation, Source("folder"), found) == [
        "1 class(es) occur in validation and not in training: 5."
    ]


def test_classes_of_validation_alone_go_by_their_names():
    found = facts("train", [0, 1], [2]) + facts("val", [3, 2], [7], [255])
    assert said(only_in_validation, NAMED, found) == [
        "2 class(es) occur in validation and not in training: sign, 7."
    ]


@pytest.mark.parametrize(
    ("zero_is_void", "labels", "wanted"),
    [
        (True, [0, 0, 1, 2, 3], ["2 pixels of label 0 are void."]),  # 0 is a class
        (True, [0, 0, 1, 2, 3, 4], []),
        (True, [0, 0, 1, 3], []),  # another is missing, too
        (False, [0, 0, 1, 2], []),
    ],
)
def test_labels_that_were_lowered_by_mistake(zero_is_void, labels, wanted):
    (found,) = facts("train", labels)
    found.item = found.item._replace(zero_is_void=zero_is_void)
    assert said(lowered, NAMED, [found]) == wanted


@pytest.mark.parametrize("split", ["train", "val"])
def test_of_one_split_nothing_is_said_about_the_other(split):
    found = facts(split, [0, 1, 2, 3])
    assert said(never_seen, NAMED, found) == []
    assert said(only_in_validation, NAMED, found) == []
