"""Semantic and panoptic queries, on masks made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData, PixelData

from query_lib.against import (
    Case,
    check_lengths,
    class_queries,
    compare,
    comparison_table,
    semantic_labels,
    things_of,
)
from query_lib.analysis import ImageQueries, QueryError

IMAGE = np.zeros((4, 8, 3), np.uint8)
# Segments 1 and 2 are things of class 0, 3 is a thing of class 1, 4 is stuff.
MAP = torch.tensor([[1, 1, 4, 4, 2, 2, 4, 3]]).expand(4, 8)


def sample():
    found = BaseDataElement(metainfo=dict(img_path="x"))
    found.gt_segment_map = PixelData(data=MAP[None])
    found.gt_segments = InstanceData(
        ids=torch.tensor([1, 2, 3, 4]),
        labels=torch.tensor([0, 0, 1, 2]),
        is_thing=torch.tensor([True, True, True, False]),
    )
    return found


def queries(labels, columns, image=IMAGE, given=None):
    """Queries whose masks are columns of the 1 x 4 grid of cells."""
    masks = np.zeros((len(labels), 1, 4), np.float32)
    for mask, inside in zip(masks, columns, strict=True):
        mask[:, list(inside)] = 0.9
    scores = np.ones(len(labels))
    return ImageQueries(image, given, np.array(labels), scores, masks)


def test_things_are_grouped_by_class():
    found = things_of(sample())
    assert {label: len(masks) for label, masks in found.items()} == {0: 2, 1: 1}
    assert found[0][1].sum() == 8  # columns 4 and 5


def test_a_query_covers_a_thing_by_half_of_its_cells():
    """Cells 0 and 2 hold the two things; their centres are columns 1, 3, 5 and 7."""
    things = things_of(sample())[0]
    found = queries([0, 0, 0, 1], [(0, 2), (0, 1), (3,), (0, 2)])
    chosen = class_queries(found, 0, things)
    assert chosen.queries.tolist() == [0, 1, 2]
    assert chosen.covered.tolist() == [2, 1, 0]


def test_a_class_that_no_query_predicts_has_no_queries():
    found = class_queries(queries([1], [(0,)]), 0, things_of(sample())[0])
    assert (found.queries.tolist(), found.covered.tolist()) == ([], [])


def test_a_thing_between_the_cells_is_covered_by_none():
    thing = np.zeros((1, 4, 8), bool)
    thing[:, :, 0] = True  # no centre
    assert class_queries(queries([0], [range(4)]), 0, thing).covered.tolist() == [0]


def test_classes_with_several_things_are_compared():
    one = queries([0, 2], [(0, 2), (1,)])  # both things by query 0
    other = queries([0, 0, 1], [(0,), (2,), (3,)], given=sample())
    (found,) = compare([one], [other], {0: 0, 1: 1})
    assert found.label == 0
    assert found.semantic.queries.tolist() == [0]
    assert found.panoptic.queries.tolist() == [0, 1]
    case = found.case()
    assert (case.things, case.semantic.tolist(), case.panoptic.tolist()) == (
        2,
        [2],
        [1, 1],
    )


def test_classes_of_another_order_are_those_of_the_semantic_model():
    """Class 0 of the panoptic model is 2 of the semantic one, and the reverse."""
    one = queries([2, 0], [(0, 2), (1,)])
    other = queries([0, 0, 2], [(0,), (2,), (0, 2)], given=sample())
    (found,) = compare([one], [other], {0: 2, 1: 1})
    assert found.label == 2
    assert found.semantic.queries.tolist() == [0]
    assert found.panoptic.queries.tolist() == [0, 1]


def test_labels_of_things_are_found_by_name_or_said_by_the_data_set():
    semantic = dict(classes=("sky", "cell", "road"))
    named = dict(classes=("road", "cell", "sky-merged"), thing_classes=("road", "cell"))
    assert semantic_labels(semantic, named) == {0: 2, 1: 1}
    said = dict(
        classes=("blob", "air", "way"),
        thing_classes=("blob", "air"),
        semantic_labels=[1, 0, 2],
    )
    assert semantic_labels(semantic, said) == {0: 1, 1: 0}
    part = dict(said, classes=("cell",), thing_classes=("cell",))
    assert semantic_labels(semantic, part) == {0: 1}  # said of all, not of these
    assert semantic_labels(semantic, dict(classes=("cell",))) == {}
    for other in (dict(said, semantic_labels=()), dict(said, classes=("blob", "air"))):
        with pytest.raises(QueryError, match="no class called blob, air, as the pan"):
            semantic_labels(semantic, other)


@pytest.mark.mmdet
def test_ade20k_says_the_semantic_label_of_each_class():
    pytest.importorskip("mmdet")
    from mmseg.datasets import ADE20KDataset

    from mmseg_maskformer.datasets.panoptic_sets import ADE20KPanopticDataset

    semantic, panoptic = ADE20KDataset.METAINFO, ADE20KPanopticDataset.METAINFO
    labels = semantic_labels(semantic, panoptic)
    assert list(labels) == list(range(100))  # things come first
    names = [
        (semantic["classes"][label].strip(), panoptic["classes"][own].split(",")[0])
        for own, label in labels.items()
    ]
    # these have another name, as "television receiver" and "tv"
    assert sum(one != other for one, other in names) == 7


def test_table_of_cases():
    """Two things twice: (2 + 1) / 2 by a semantic query, (1 + 1 + 1) / 3 by others."""
    two = Case(2, np.array([2]), np.array([1, 1]))
    again = Case(2, np.array([1]), np.array([1]))
    three = Case(3, np.array([], int), np.array([1, 1, 0]))
    assert comparison_table([three, two, again]) == [
        dict(
            things=2,
            cases=2,
            semantic_queries=1.0,
            semantic_things_per_query=1.5,
            panoptic_queries=1.5,
            panoptic_things_per_query=1.0,
        ),
        dict(
            things=3,
            cases=1,
            semantic_queries=0.0,
            semantic_things_per_query="",
            panoptic_queries=3.0,
            panoptic_things_per_query=0.667,
        ),
    ]


def test_data_sets_of_other_lengths_are_refused_before_anything_is_predicted():
    check_lengths([1, 2], [3, 4])
    with pytest.raises(QueryError, match="evaluates 2 images, the second 1"):
        check_lengths([1, 2], [3])


def test_other_images_and_semantic_samples_are_refused():
    one = queries([0], [(0,)])
    with pytest.raises(QueryError, match="different images"):
        list(compare([one], [queries([0], [(0,)], image=IMAGE + 1)], {}))
    with pytest.raises(QueryError, match="must be panoptic"):
        list(compare([one], [queries([0], [(0,)], given=BaseDataElement())], {}))
