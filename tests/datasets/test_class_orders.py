"""Released panoptic files in our order of classes, by the names of the classes."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.checkpoints.zoo import class_order, reorder_classes
from mmseg_maskformer.datasets.class_orders import CLASS_ORDERS

pytestmark = pytest.mark.mmdet
pytest.importorskip("mmdet")


def semantic_and_panoptic(data):
    """Names of the classes of a data set, semantic and panoptic."""
    from mmseg.datasets import ADE20KDataset, CityscapesDataset

    from mmseg_maskformer.datasets import panoptic_sets
    from mmseg_maskformer.datasets.mapillary import MapillaryVistasDataset

    semantic, panoptic = {
        "ade20k": (ADE20KDataset, panoptic_sets.ADE20KPanopticDataset),
        "cityscapes": (CityscapesDataset, panoptic_sets.CityscapesPanopticDataset),
        "mapillary": (MapillaryVistasDataset, panoptic_sets.MapillaryPanopticDataset),
    }[data]
    return semantic.METAINFO["classes"], panoptic.METAINFO["classes"]


@pytest.mark.parametrize("data", CLASS_ORDERS)
def test_a_class_here_is_the_semantic_class_of_its_name(data):
    semantic, panoptic = semantic_and_panoptic(data)
    found = [semantic[index] for index in CLASS_ORDERS[data]]
    assert len(found) == len(set(found)) == len(panoptic)
    if data != "ade20k":  # MMDetection's names of ADE20K are longer
        assert found == list(panoptic)


@pytest.mark.parametrize(
    ("source", "things"),
    [
        ("model_final_4ab90c.pkl", list(range(11, 19))),
        ("facebook/mask2former-swin-tiny-cityscapes-panoptic", list(range(11, 19))),
        ("facebook/mask2former-swin-tiny-cityscapes-semantic", list(range(8))),
        ("model_final_01a8ed.pkl", list(range(8))),  # instances alone
        ("mine.pkl", list(range(8))),
    ],
)
def test_released_panoptic_files_and_no_others_are_reordered(source, things):
    head = "sem_seg_head.predictor.class_embed.bias"
    name = "class_predictor.bias" if "facebook" in source else head
    found = {name: torch.arange(20), "other": torch.arange(20)}
    if (order := class_order(source, CLASS_ORDERS)) is not None:
        reorder_classes(found, order)
    assert found[name][:8].tolist() == things
    assert found[name][-1] == 19  # "no object"
    assert found["other"].tolist() == list(range(20))
