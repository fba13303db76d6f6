"""The peer mmdet: the panoptic post-processing of its MaskFormer."""

from __future__ import annotations

import mmdet.models  # noqa: F401  (fills the registry)
import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from torch import Tensor

from benchmark_lib import inputs
from benchmark_lib.inputs import Settings
from benchmark_lib.measure import Variant

NAME = "mmdet"


def panoptic_inference(settings: Settings) -> Variant:
    """From head outputs to panoptic maps: resize as the head does, then its fusion."""
    things = inputs.num_things(settings)
    fusion = MODELS.build(
        dict(
            type="mmdet.MaskFormerFusionHead",
            num_things_classes=things,
            num_stuff_classes=settings.classes - things,
            test_cfg=dict(panoptic_on=True, object_mask_thr=0.8, iou_thr=0.8),
        )
    )
    class_logits, mask_logits = inputs.panoptic_outputs(settings)
    meta = dict(img_shape=settings.size, ori_shape=settings.size)
    samples = [DetDataSample(metainfo=meta) for _ in class_logits]

    @torch.no_grad()
    def forward() -> Tensor:
        with settings.autocast():
            masks = F.interpolate(
                mask_logits, size=settings.size, mode="bilinear", align_corners=False
            )
            found = fusion.predict(class_logits, masks, samples, rescale=True)
        return torch.cat([result["pan_results"].sem_seg for result in found])

    return Variant(NAME, forward, [class_logits, mask_logits])
