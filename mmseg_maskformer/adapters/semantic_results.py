"""The semantic result, and maps of its uncertainty, in the data samples of a host."""

from __future__ import annotations

from mmengine.structures import BaseDataElement, PixelData

from mmseg_maskformer.core.score_maps import ScoreMap, best_labels
from mmseg_maskformer.core.uncertainty import semantic_maps


def add_semantic(
    sample: BaseDataElement,
    scores: ScoreMap,
    key: str,
    uncertainty: bool,
    from_logits: bool = False,
) -> None:
    """Put the labels of a score map, and their uncertainty, into a sample.

    Args:
        sample: gets ``pred_sem_seg``, and with ``uncertainty`` ``pred_confidence``,
            ``pred_entropy`` and ``pred_no_object``, (1, H, W).
        scores: of classes; with ``uncertainty`` that of "no object" comes last.
        key: what the host calls the labels in ``pred_sem_seg``.
        uncertainty: whether to add it.
        from_logits: scores are logits of a per-pixel model.
    """
    if uncertainty:
        maps = semantic_maps(scores, from_logits)
        labels = maps.labels
        sample.pred_confidence = PixelData(data=maps.confidence[None])
        sample.pred_entropy = PixelData(data=maps.entropy[None])
        sample.pred_no_object = PixelData(data=maps.no_object[None])
    else:
        labels = best_labels(scores)
    sample.pred_sem_seg = PixelData(**{key: labels[None]})
