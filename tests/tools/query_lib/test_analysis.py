"""Classes of queries, on predictions made by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement

from mmseg_maskformer.core.structures import LayerOutput
from query_lib.analysis import (
    QueryError,
    QueryRecord,
    class_counts,
    class_table,
    examples,
    most_used,
    query_classes,
    query_predictions,
    query_table,
)

CLASSES = ["sky", "sea", "sand"]
# Four images, three queries: query 0 says sky three times and sea once, query 1
# nothing, query 2 sand twice.
LABELS = np.array([[0, -1, 2], [0, -1, -1], [1, -1, 2], [0, -1, -1]])
AREAS = np.array([[0.5, 0.9, 0.1], [0.3, 0.9, 0.9], [0.1, 0.9, 0.2], [0.3, 0.9, 0.9]])
RECORD = QueryRecord(LABELS, AREAS)


def test_counts_are_images_by_query_and_class():
    assert class_counts(LABELS, 3).tolist() == [[3, 1, 0], [0, 0, 0], [0, 0, 2]]


def test_table_of_queries():
    """Areas, of images with a class: (0.5 + 0.3 + 0.1 + 0.3) / 4, (0.1 + 0.2) / 2."""
    first, second, third = query_table(RECORD, CLASSES)
    assert first == dict(
        query=0,
        unique_classes=2,
        images=4,
        share_of_images=1.0,
        mean_area=0.3,
        top_classes="sky 0.75; sea 0.25",
    )
    assert (second["query"], second["unique_classes"], second["images"]) == (2, 1, 2)
    assert (second["share_of_images"], second["mean_area"]) == (0.5, 0.15)
    assert (third["query"], third["unique_classes"], third["images"]) == (1, 0, 0)
    assert (third["mean_area"], third["top_classes"]) == ("", "")


def test_table_of_classes():
    """Sky is said three times by query 0 and once by query 1."""
    labels = np.array([[0, 0], [0, -1], [0, 1]])
    sky, sea, sand = class_table(QueryRecord(labels, np.zeros((3, 2))), CLASSES)
    owned = [(x["predictions"], x["queries"], x["owner"]) for x in (sky, sea, sand)]
    assert owned == [(4, 2, 0), (1, 1, 1), (0, 0, "")]
    assert [x["share_of_owner"] for x in (sky, sea, sand)] == [0.75, 1.0, ""]


def test_most_used_queries_predict_something():
    assert most_used(LABELS, 1) == [0]
    assert most_used(LABELS, 9) == [0, 2]  # query 1 never predicts


def test_examples_show_every_class_before_the_second_image_of_one():
    """Class 1 in images 0, 2 and 3, class 0 in 4, nothing in 1."""
    labels = np.array([1, -1, 1, 1, 0])
    assert examples(labels, 9) == [0, 4, 2, 3]
    assert examples(labels, 2) == [0, 4]


def test_a_query_without_object_mask_or_score_predicts_nothing():
    """e^3 / (e^3 + 2) = 0.909; e / (e + 2) = 0.576; the third is no object."""
    logits = torch.tensor([[3.0, 0, 0], [0, 1, 0], [0, 0, 3], [3, 0, 0]])
    masks = torch.full((4, 2, 2), 0.5)
    masks[:3, 0, 0] = 0.6  # the last one is nowhere likelier than not
    labels, scores = query_classes(logits, masks)
    assert labels.tolist() == [0, 1, -1, -1]
    assert scores[:2].tolist() == pytest.approx([0.9094, 0.5761], abs=1e-4)
    assert query_classes(logits, masks, min_score=0.6)[0].tolist() == [0, -1, -1, -1]


class Model(torch.nn.Module):
    """Two queries: the first says the class of the image, the second no object.

    In layers before the last, the first says 1.
    """

    def __init__(self, class_logits=True, test_cfg=None):
        super().__init__()
        self.class_logits = class_logits
        self.test_cfg = test_cfg
        self.decode_head = SimpleNamespace(predict_layer=self.predict_layer)

    def data_preprocessor(self, batch, training):
        assert not (training or self.training)
        image = torch.stack(batch["inputs"]).float()
        padded = torch.nn.functional.pad(image, (0, 8))  # 8 x 8 become 8 x 16
        return dict(inputs=padded, data_samples=batch["data_samples"])

    def extract_feat(self, inputs):
        return inputs

    def predict_layer(self, features, metas, size, layer):
        assert size == (8, 16)
        label = int(features[0, 0, 0, 0]) if layer == -1 else 1
        logits = torch.full((1, 2, 4), -9.0)
        logits[0, [0, 1], [label, 3]] = 9.0
        masks = torch.full((1, 2, 2, 4), -9.0)
        masks[0, :, 0] = 9.0  # the upper half, of image and padding
        masks[0, :, 1, 2:] = 9.0  # the lower half of the padding
        logits = logits if self.class_logits else None
        return LayerOutput(logits, masks)


class Images(list):
    """Blue is the number of the image."""

    def __getitem__(self, index):
        colour = torch.tensor([super().__getitem__(index), 5, 6], dtype=torch.uint8)
        sample = BaseDataElement(metainfo=dict(img_shape=(8, 8)))
        return dict(inputs=colour.view(3, 1, 1).expand(3, 8, 8), data_samples=sample)


def test_predictions_of_a_model_leave_padding_out():
    found = list(query_predictions(Model(), Images([2, 0])))
    assert [x.labels.tolist() for x in found] == [[2, -1], [0, -1]]
    assert found[0].image[0, 0].tolist() == [6, 5, 2]  # RGB
    assert found[0].masks.shape == (2, 2, 2)
    assert QueryRecord.of(found).areas.tolist() == [[0.5, 0.5]] * 2
    (only,) = query_predictions(Model(), Images([2, 0]), indices=[1])
    assert only.labels.tolist() == [0, -1]


def test_the_layer_is_the_one_that_predicts():
    (found,) = query_predictions(Model(test_cfg=dict(layer=0)), Images([2]))
    assert found.labels.tolist() == [1, -1]
    (found,) = query_predictions(Model(test_cfg=dict(mode="whole")), Images([2]))
    assert found.labels.tolist() == [2, -1]


def test_per_pixel_models_have_no_such_queries():
    with pytest.raises(QueryError, match="query k answers for class k"):
        list(query_predictions(Model(class_logits=False), Images([1])))
