"""The peer mmseg: its MaskFormerHead as its own configuration builds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import mmseg
import mmseg.models  # noqa: F401  (fills the registry)
import torch
from mmdet.models.losses import FocalLoss
from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmseg.models.decode_heads import MaskFormerHead
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from benchmark_lib import inputs, our_side
from benchmark_lib.inputs import Outputs, Settings
from benchmark_lib.measure import Variant

NAME = "mmseg"
CONFIG = "configs/maskformer/maskformer_r50-d32_8xb2-160k_ade20k-512x512.py"
FOCAL_NOTE = "FocalLoss runs its own py_sigmoid_focal_loss, as it does on the CPU"


def _config(settings: Settings) -> Config:
    """Mmseg's R50 configuration for `settings.classes` classes, no pretrained file."""
    init_default_scope("mmseg")
    config = Config.fromfile(Path(mmseg.__file__).parent / ".mim" / CONFIG).model
    config.backbone.update(norm_cfg=dict(type="BN", requires_grad=True), init_cfg=None)
    config.decode_head.num_classes = settings.classes
    config.decode_head.num_queries = settings.queries
    config.decode_head.loss_cls.class_weight = [1.0] * settings.classes + [0.1]
    config.data_preprocessor = None
    return config


class _PyFocalLoss(FocalLoss):
    """Mmdet's focal loss with mmdet's own PyTorch formula, on any device."""

    def forward(self, pred: Tensor, target: Tensor, avg_factor: Tensor) -> Tensor:
        target = nn.functional.one_hot(target, pred.size(1) + 1)[:, : pred.size(1)]
        options = dict(gamma=self.gamma, alpha=self.alpha, avg_factor=avg_factor)
        return self.loss_weight * py_sigmoid_focal_loss(pred, target, **options)


def _free_of_compiled_ops(head: MaskFormerHead, settings: Settings) -> str:
    """Replace the one compiled operator that the head needs on CUDA."""
    if settings.device.type != "cuda":
        return ""
    weight = head.loss_mask.loss_weight
    head.loss_mask = _PyFocalLoss(loss_weight=weight)
    return FOCAL_NOTE


def criterion(settings: Settings, outputs: Outputs) -> Variant:
    """Heads, mask product, matching, losses: what the head does after its decoder."""
    head = MODELS.build(_config(settings).decode_head).to(settings.device)
    note = _free_of_compiled_ops(head, settings)
    samples = our_side.samples(settings)
    instances, metas = head._seg_data_to_instance_data(samples)

    def forward() -> Tensor:
        with settings.autocast():
            class_logits, embed = outputs.heads()
            masks = torch.einsum("lbqc,bchw->lbqhw", embed, outputs.features)
            losses = head.loss_by_feat(class_logits, masks, instances, metas)
        return sum(losses.values())

    return _variant(forward, list(outputs.parameters()), note, instances)


def _variant(
    forward: Callable[[], Tensor],
    leaves: Sequence[Tensor],
    note: str,
    instances: list[InstanceData],
) -> Variant:
    given = [*leaves, *(x.masks for x in instances), *(x.labels for x in instances)]
    return Variant(NAME, forward, given, leaves, note)


def train_step(settings: Settings) -> Variant:
    """Forward of the whole model, losses, backward."""
    torch.manual_seed(settings.seed)
    model = MODELS.build(_config(settings)).to(settings.device)
    model.init_weights()
    model.train()
    note = _free_of_compiled_ops(model.decode_head, settings)
    return our_side.model_step(NAME, settings, model, note)


def semantic_inference(settings: Settings) -> Variant:
    """From head outputs to label maps, by the head's and the segmentor's methods."""
    head = MODELS.build(_config(settings).decode_head).to(settings.device)
    class_logits, embed, features = inputs.head_outputs(settings)
    masks = torch.einsum("bqc,bchw->bqhw", embed, features)
    head.forward = lambda x, samples: (class_logits[None], masks[None])
    segmentor = SimpleNamespace(align_corners=False, decode_head=head)
    metas = [dict(img_shape=settings.size, ori_shape=settings.size)] * settings.batch

    @torch.no_grad()
    def forward() -> Tensor:
        with settings.autocast():
            scores = head.predict((), [dict(meta) for meta in metas], None)
            samples = [SegDataSample(metainfo=dict(meta)) for meta in metas]
            found = BaseSegmentor.postprocess_result(segmentor, scores, samples)
        return torch.cat([sample.pred_sem_seg.data for sample in found])

    return Variant(NAME, forward, [class_logits, masks])
