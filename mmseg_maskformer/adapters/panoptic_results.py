"""Panoptic and instance results of one image in the form that MMDetection knows."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from mmseg_maskformer.core.conventions import INSTANCE_OFFSET
from mmseg_maskformer.core.instances import instances
from mmseg_maskformer.core.panoptic import (
    PanopticSegments,
    detr_segments,
    panoptic_segments,
)
from mmseg_maskformer.core.tiling import Placement

from .panoptic_options import PanopticOptions


def panoptic_result(
    class_logits: Tensor,
    mask_logits: Tensor,
    placement: Placement,
    num_things: int,
    num_classes: int,
    options: PanopticOptions,
) -> PixelData:
    """``sem_seg`` (1, H, W) by the panoptic rule of the options."""
    image: dict[str, Any] = dict(
        class_logits=class_logits,
        mask_logits=mask_logits,
        placement=placement,
        num_things=num_things,
        score_threshold=options.object_mask_thr,
    )
    if options.panoptic_rule == "detr":
        segments = detr_segments(**image)
    else:
        segments = panoptic_segments(
            **image,
            overlap_threshold=options.iou_thr,
            inside_masks=options.panoptic_rule == "mask2former",
        )
    return PixelData(sem_seg=host_map(segments, num_things, num_classes)[None])


def instance_result(
    class_logits: Tensor,
    mask_logits: Tensor,
    placement: Placement,
    num_things: int,
    options: PanopticOptions,
) -> InstanceData:
    """The n instances of one image, the best first.

    Args:
        class_logits: (Q, K + 1).
        mask_logits: (Q, h, w).
        placement: where the image lies in the input, and its original size.
        num_things: classes below are things.
        options: how many, and above which score.

    Returns:
        ``bboxes`` (n, 4) left, top, right, bottom in pixels, ``labels`` (n,),
        ``scores`` (n,) and ``masks`` (n, H, W) boolean, at the original size.
    """
    found = instances(
        class_logits=class_logits,
        mask_logits=mask_logits,
        placement=placement,
        num_things=num_things,
        max_per_image=options.max_per_image,
        score_thr=options.score_thr,
        one_per_query=options.one_per_query,
    )
    return InstanceData(
        bboxes=found.boxes,
        labels=found.labels,
        scores=found.scores,
        masks=found.masks,
    )


def host_map(segments: PanopticSegments, num_things: int, num_classes: int) -> Tensor:
    """(H, W) int32 in the host's encoding: class + 1000 * object, K where void."""
    thing = segments.labels < num_things
    objects = thing.cumsum(0) * thing  # 1, 2, ... of the things, 0 of the stuff
    void = segments.labels.new_tensor([num_classes])
    table = torch.cat([void, segments.labels + objects * INSTANCE_OFFSET]).int()
    return table.to(segments.segment_map.device)[segments.segment_map.long()]
