"""The sentence about the labels of the first training images."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import HOOKS

from mmseg_maskformer.engine.hooks.seen_labels_hook import described

MODULE = "mmseg_maskformer.engine.hooks.seen_labels_hook"
CLASSES = ("sky", "road", "tree")


def sample(*labels):
    return SimpleNamespace(gt_sem_seg=SimpleNamespace(data=torch.tensor([[labels]])))


@pytest.fixture
def spoken(monkeypatch):
    """What the hook said."""
    found = []
    monkeypatch.setattr(
        f"{MODULE}.print_log", lambda text, logger, level: found.append((level, text))
    )
    return found


def train(batches, images=200, classes=CLASSES, zero_is_void=False):
    meta = dict(classes=classes)
    dataset = SimpleNamespace(metainfo=meta, reduce_zero_label=zero_is_void)
    runner = SimpleNamespace(
        train_dataloader=SimpleNamespace(dataset=dataset), max_iters=len(batches)
    )
    hook = HOOKS.build(dict(type="mmseg_maskformer.SeenLabelsHook", images=images))
    for runner.iter, batch in enumerate(batches):
        hook.before_train_iter(runner, runner.iter, dict(data_samples=batch))


def test_counts_of_the_first_images_are_said_once(spoken):
    # 2 void of 8 pixels: 25 %; the third image, where "tree" is, does not count
    batches = [[sample(0, 0, 1, 255)], [sample(0, 1, 1, 255)], [sample(2, 2, 2, 2)]]
    train(batches, images=2)
    ((level, text),) = spoken
    assert level == logging.INFO
    assert text == (
        "Labels of 2 training images: 2 of 3 classes occur, 25.0% of the pixels are "
        "void or padding. Not seen: tree."
    )


def test_a_short_training_is_described_at_its_end(spoken):
    train([[sample(0, 1)], [sample(2, 2), sample(1, 1)]])
    ((level, text),) = spoken
    assert level == logging.INFO
    assert text.endswith(
        "3 training images: 3 of 3 classes occur, 0.0% of the pixels are void or "
        "padding."
    )


@pytest.mark.parametrize(
    "labels",
    [
        (0, 0, 0, 255),  # a mask of 0 and 255: foreground is void
        (255, 255, 255, 1),  # most is void
        (0, 0, 0, 0),
    ],
)
def test_what_looks_wrong_is_a_warning(labels, spoken):
    train([[sample(*labels)]], classes=("ground", "figure"))
    ((level, text),) = spoken
    assert level == logging.WARNING
    assert "masks of 0 and 255 must become 0 and 1 (docs/data.md); reduce" in text


@pytest.mark.parametrize(
    ("labels", "zero_is_void", "warned"),
    [
        ((0, 1, 1, 255), True, True),  # 0, 1 and 2 as the file has them
        ((0, 1, 1, 255), False, False),
        ((0, 1, 2, 255), True, False),
        ((0, 0, 2, 255), True, False),  # another is missing
    ],
)
def test_classes_that_were_lowered_by_mistake_are_a_warning(
    labels, zero_is_void, warned, spoken
):
    train([[sample(*labels)]], zero_is_void=zero_is_void)
    ((level, text),) = spoken
    assert (level == logging.WARNING) == warned
    assert ("leave it out unless 0 means unlabelled" in text) == warned


@pytest.mark.parametrize("split", ["val", "test"])
def test_an_evaluation_is_told_once_where_it_looks_wrong(split, spoken):
    dataset = SimpleNamespace(metainfo=dict(classes=CLASSES), reduce_zero_label=True)

    def evaluate(hook, *batches):
        loader = type("Loader", (list,), dict(dataset=dataset))(batches)
        runner = SimpleNamespace(**{f"{split}_dataloader": loader})
        look = getattr(hook, f"before_{split}_iter")
        for index, batch in enumerate(batches):
            look(runner, index, dict(data_samples=batch))

    def hook():
        return HOOKS.build(dict(type="mmseg_maskformer.SeenLabelsHook"))

    evaluate(hook(), [sample(0, 0)], [sample(0, 1)])
    # the last class alone is not there: training has told it before an evaluation
    assert len(spoken) == (split == "test")
    spoken.clear()
    looking = hook()
    for _ in range(2):
        evaluate(looking, [sample(0, 255, 0)], [sample(0, 0, 0)])
    ((level, text),) = spoken
    assert level == logging.WARNING
    assert "2 " in text and "images: 1 of 3 classes occur, 16.7% of the" in text


def test_what_is_no_label_counts_as_void(spoken):
    train([[sample(0, 1, 2, -1, 1 << 31)]])  # 2 of 5 pixels
    ((_, text),) = spoken
    assert "3 of 3 classes occur, 40.0% of the pixels are void" in text


def test_one_class_alone_is_right_where_there_is_but_one():
    assert described({0: 5}, ["cell"]) == (
        "1 of 1 classes occur, 0.0% of the pixels are void or padding.",
        False,
    )
    text, _ = described({255: 5}, ["cell"], zero_is_void=True)
    assert "leave it out unless 0 means unlabelled" not in text  # nothing is there


@pytest.mark.parametrize("key", ["gt_segments", "gt_instances"])
@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ((0, 0, 2), "2 of 3 classes occur, in 3 segments. Not seen: road."),
        ((1,), "1 of 3 classes occur, in 1 segments. Not seen: sky, tree. Check"),
        ((), "0 of 3 classes occur, in 0 segments. Not seen: sky, road, tree. Ch"),
    ],
)
def test_segments_are_counted_by_class(key, labels, told, spoken):
    objects = SimpleNamespace(labels=torch.tensor(labels))
    train([[SimpleNamespace(**{key: objects})]])
    ((level, text),) = spoken
    assert text.startswith(f"Labels of 1 training images: {told}")
    assert (level == logging.WARNING) == (len(labels) < 2)


def test_the_only_class_is_not_suspicious(spoken):
    objects = SimpleNamespace(labels=torch.tensor([0, 0]))
    train([[SimpleNamespace(gt_instances=objects)]], classes=("cell",))
    told = "Labels of 1 training images: 1 of 1 classes occur, in 2 segments."
    assert spoken == [(logging.INFO, told)]


def test_other_samples_and_data_sets_are_left_alone(spoken):
    train([[SimpleNamespace(gt_sem_seg=SimpleNamespace(sem_seg=0))]])
    train([[sample(0, 1)]], classes=None)
    assert spoken == []


def test_eight_missing_classes_are_named_at_most():
    text, _ = described({0: 1, 1: 1}, [f"c{k}" for k in range(13)])
    assert text.endswith("c8, c9 and 3 more.")


def test_no_images_is_a_sentence():
    with pytest.raises(ValueError, match="SeenLabelsHook.images must be positive"):
        HOOKS.build(dict(type="mmseg_maskformer.SeenLabelsHook", images=0))
