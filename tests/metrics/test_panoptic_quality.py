"""The metric through the host's evaluator, and its results on several processes."""

from __future__ import annotations

import itertools
import logging
import pickle

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger

from mmseg_maskformer.core.panoptic_quality import Counts, add_counts
from tests.helpers.quality import FOUR_CLASSES, images_of_known_quality, labelled_sample


def evaluator(**options):
    found = Evaluator({"type": "mmseg_maskformer.PanopticQuality", **options})
    found.dataset_meta = FOUR_CLASSES
    return found


def evaluated(samples, **options):
    found = evaluator(**options)
    found.process(samples)
    return found.evaluate(len(samples))


# PQ (0.775 + 0 + 1 / 1.5) / 3, SQ (0.775 + 0 + 1) / 3, RQ (1 + 0 + 1 / 1.5) / 3
EXPECTED = {"PQ": 48.06, "SQ": 59.17, "RQ": 55.56}


def test_hand_computed_case():
    assert evaluated(images_of_known_quality()) == EXPECTED


def test_prefix_stands_before_the_names():
    found = evaluated(images_of_known_quality(), prefix="stuff")
    assert found == {f"stuff/{name}": value for name, value in EXPECTED.items()}


def test_log_has_a_row_per_class(caplog):
    logger = MMLogger.get_instance("rows of classes", log_level="INFO")
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.INFO):
            evaluated(images_of_known_quality())
    finally:
        logger.removeHandler(caplog.handler)
    lines = caplog.messages[-1].splitlines()
    cells = [line.replace("|", " ").split() for line in lines]
    rows = {row[0]: row[1:] for row in cells if row[0] in FOUR_CLASSES["classes"]}
    assert rows == {
        "sky": ["77.5", "77.5", "100.0"],
        "road": ["0.0", "0.0", "0.0"],
        "car": ["66.67", "100.0", "66.67"],
        "tree": ["nan", "nan", "nan"],
    }


def test_ignore_index_is_void():
    image = labelled_sample([[0, 0, 0, 1]], [[0, 0, 3, 3]])
    # sky 2/3, road wrong, tree missed: (2/3 + 0 + 0) / 3
    assert evaluated([image])["PQ"] == 22.22
    # without the pixels of the tree: sky 2/2, and road lies on void
    assert evaluated([image], ignore_index=3)["PQ"] == 100.0


def test_labels_above_255_are_classes():
    image = labelled_sample([[0, 300, 300]], [[0, 300, 65535]])
    found = evaluator(ignore_index=65535)
    found.dataset_meta = {"classes": [f"class {k}" for k in range(301)]}
    found.process([image])
    assert found.evaluate(1)["PQ"] == 100.0  # 1/1 of class 0 and 1/1 of class 300


def test_no_image_has_no_quality():
    found = evaluator()
    assert np.isnan(list(found.evaluate(0).values())).all()


def random_images(number):
    """Stripes of classes, some of them predicted a few pixels off."""
    generator = np.random.default_rng(0)
    images = []
    for _ in range(number):
        true = np.repeat(generator.permutation(4), 8)[None].repeat(5, axis=0)
        shift = generator.integers(0, 7, (5, 1))
        rows = np.arange(5)[:, None]
        images.append(labelled_sample(true[rows, np.arange(32) - shift], true))
    return images


def gathered(images, num_parts):
    """Results in the order of mmengine: each rank's first, each rank's second, ...

    As in its sampler, image i goes to rank i % num_parts, and the first images come
    again at the end until every rank has the same number.
    """
    padded = images + images[: -len(images) % num_parts]
    parts = []
    for rank in range(num_parts):
        found = evaluator()
        found.process(padded[rank::num_parts])
        parts.append(pickle.loads(pickle.dumps(found.metrics[0].results)))
    return list(itertools.chain(*zip(*parts, strict=True)))


@pytest.mark.parametrize("num_parts", [1, 2, 3])
def test_images_may_be_split_over_processes(num_parts):
    images = random_images(5)
    wanted = evaluated(images)
    assert 0 < wanted["PQ"] < wanted["SQ"] < 100
    joint = evaluator()
    joint.metrics[0].results = gathered(images, num_parts)
    assert joint.evaluate(len(images)) == wanted


@pytest.mark.parametrize("num_parts", [2, 3])
def test_sums_of_parts_add_up(num_parts):
    results = gathered(random_images(5), num_parts=1)
    whole = add_counts(results)
    parts = [add_counts(results[rank::num_parts]) for rank in range(num_parts)]
    assert whole.true_positives.sum() > 5
    for found, wanted in zip(add_counts(parts), whole, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_results_are_small():
    (result,) = gathered(images_of_known_quality()[:1], num_parts=1)
    assert isinstance(result, Counts)
    assert (
        sum(column.nbytes for column in result) == 5 * 3 * 8
    )  # three classes, 8 bytes


def test_sample_without_truth_is_refused():
    image = labelled_sample([[0]], [[0]])
    del image.gt_sem_seg
    with pytest.raises(KeyError, match=r"needs gt_sem_seg .* a\.jpg has .*LoadAnnot"):
        evaluated([image])


@pytest.mark.parametrize(
    ("predicted", "true", "name"),
    [
        ([[0, 4]], [[0, 0]], "the prediction for a.jpg"),
        ([[0, 0]], [[0, 4]], "the ground truth of a.jpg"),
    ],
)
def test_wrong_labels_are_refused_with_the_name_of_the_image(predicted, true, name):
    with pytest.raises(ValueError, match=f"labels of {name} hold the value.s. 4,"):
        evaluated([labelled_sample(predicted, true)])
