"""Maps of uncertainty in the data samples of either host."""

from __future__ import annotations

from mmengine.structures import BaseDataElement, PixelData

from mmseg_maskformer.core.uncertainty import SemanticMaps


def add_uncertainty(sample: BaseDataElement, maps: SemanticMaps) -> None:
    """Add ``pred_confidence``, ``pred_entropy`` and ``pred_no_object``, (1, H, W)."""
    sample.pred_confidence = PixelData(data=maps.confidence[None])
    sample.pred_entropy = PixelData(data=maps.entropy[None])
    sample.pred_no_object = PixelData(data=maps.no_object[None])
