"""Whole Mask2Former models, R50 on COCO panoptic: ours and MMDetection's.

Both are built from the configuration that their package ships, with random weights. A
step has images and segments as its pipeline gives them: a map of segment numbers here,
masks of instances there; all segments are things. Without mmcv's compiled operators the
peer's deformable attention takes mmcv's own form in torch.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import mmdet.models  # noqa: F401  (fills the registry)
import numpy as np
import torch
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction
from mmcv.ops.multi_scale_deform_attn import (
    multi_scale_deformable_attn_pytorch as in_torch,
)
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from torch import Tensor, nn

from benchmark_lib import inputs
from benchmark_lib.inputs import Settings
from benchmark_lib.measure import Variant
from mmseg_maskformer.compat import has_compiled_ops

MODES = ("mask2former-step", "mask2former-inference")
NAME = "mask2former_r50_8xb2-lsj-50e_coco-panoptic.py"
OURS = Path(__file__).resolve().parents[2] / "configs/mask2former" / NAME
THINGS, STUFF = 80, 53


def variants(mode: str, settings: Settings, wanted: list[str] | None) -> list[Variant]:
    """One variant of the mode for both sides; ``wanted`` leaves one out."""
    init_default_scope("mmdet")
    sides = {"ours": ours, "mmdet": theirs}
    build = step if mode == "mask2former-step" else inference
    return [
        build(name, settings, side(settings))
        for name, side in sides.items()
        if name in (wanted or sides)
    ]


def ours(settings: Settings) -> nn.Module:
    """The model of this package."""
    config = Config.fromfile(OURS).model
    decoder = config.decode_head.network.transformer_decoder
    decoder.num_queries = settings.queries
    return _built(config, settings)


def theirs(settings: Settings) -> nn.Module:
    """MMDetection's model."""
    folder = Path(find_spec("mmdet").origin).parent / ".mim/configs/mask2former"
    config = Config.fromfile(folder / NAME).model
    config.panoptic_head.num_queries = settings.queries
    config.test_cfg.update(instance_on=False, semantic_on=False)
    config.data_preprocessor.batch_augments = None
    if not has_compiled_ops():
        MultiScaleDeformableAttnFunction.apply = _without_operator
    return _built(config, settings)


def _without_operator(
    value: Tensor, sizes: Tensor, _: Tensor, places: Tensor, weights: Tensor, __: int
) -> Tensor:
    return in_torch(value, sizes.cpu(), places, weights)


def _built(config: ConfigDict, settings: Settings) -> nn.Module:
    config.backbone.init_cfg = None
    torch.manual_seed(settings.seed)
    model = MODELS.build(config)
    model.init_weights()
    return model.to(settings.device)


def step(name: str, settings: Settings, model: nn.Module) -> Variant:
    """Forward, losses, backward."""
    model.train()
    images = inputs.images(settings)
    samples = _samples(settings, as_map=name == "ours")

    def forward() -> Tensor:
        with settings.autocast():
            losses = model.loss(images, samples)
        return sum(value for key, value in losses.items() if "loss" in key)

    leaves = [x for x in model.parameters() if x.requires_grad]
    return Variant(name, forward, [images, *leaves], leaves, _note(name))


def inference(name: str, settings: Settings, model: nn.Module) -> Variant:
    """From images to panoptic maps of their size."""
    model.eval()
    if name == "ours":
        model.test_cfg.update(instance_on=False, semantic_on=False)
    images = inputs.images(settings)

    @torch.no_grad()
    def forward() -> Tensor:
        with settings.autocast():
            found = model.predict(images, _samples(settings, as_map=True))
        return torch.cat([sample.pred_panoptic_seg.sem_seg for sample in found])

    return Variant(name, forward, [images], note=_note(name))


def _note(name: str) -> str:
    if name == "ours" or has_compiled_ops():
        return ""
    return "deformable attention in torch, mmcv has no compiled operators"


def _samples(settings: Settings, as_map: bool) -> list[DetDataSample]:
    """Each image divided into vertical bands, one for each segment."""
    height, width = settings.size
    generator = torch.Generator().manual_seed(settings.seed)
    columns = torch.arange(width) * settings.segments // width
    numbers = columns.expand(height, -1)
    shape = dict(img_shape=settings.size, ori_shape=settings.size)
    shape.update(pad_shape=settings.size, batch_input_shape=settings.size)
    samples = []
    for _ in range(settings.batch):
        labels = torch.randint(THINGS, (settings.segments,), generator=generator)
        sample = DetDataSample(metainfo=dict(shape, scale_factor=(1.0, 1.0)))
        if as_map:
            ids = torch.arange(1, settings.segments + 1)
            thing = torch.ones_like(ids, dtype=torch.bool)
            sample.gt_segment_map = PixelData(data=numbers[None].int() + 1)
            sample.gt_segments = InstanceData(labels=labels, ids=ids, is_thing=thing)
        else:
            masks = numbers == torch.arange(settings.segments)[:, None, None]
            bitmaps = BitmapMasks(masks.numpy().astype(np.uint8), height, width)
            sample.gt_instances = InstanceData(labels=labels, masks=bitmaps)
            void = torch.full((1, height, width), 255)
            sample.gt_sem_seg = PixelData(sem_seg=void)
        samples.append(sample.to(settings.device))
    return samples
