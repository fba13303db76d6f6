"""Whole Mask2Former models, R50 on COCO panoptic: ours and MMDetection's.

Both are built from the configuration that their package ships, with random weights. A
step has images and segments as its pipeline gives them: a map of segment numbers here,
masks of instances there; all segments are things. Without mmcv's compiled operators the
peer's deformable attention takes mmcv's own form in torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mmdet
import mmdet.models  # noqa: F401  (fills the registry)
import numpy as np
import torch
import torch.nn.functional as F
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction
from mmcv.ops.multi_scale_deform_attn import (
    multi_scale_deformable_attn_pytorch as in_torch,
)
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config, ConfigDict
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from torch import Tensor, nn

from benchmark_lib import inputs
from benchmark_lib.inputs import Settings
from benchmark_lib.measure import Variant, chosen
from mmseg_maskformer.compat import has_compiled_ops

MODES = ("mask2former-step", "mask2former-inference")
NAME = "mask2former_r50_8xb2-lsj-50e_coco-panoptic.py"
OURS = Path(__file__).resolve().parents[2] / "configs/mask2former" / NAME
THINGS, STUFF = 80, 53


def variants(mode: str, settings: Settings, wanted: list[str] | None) -> list[Variant]:
    """One variant of the mode for both sides; ``wanted`` leaves one out."""
    configs = {"ours": our_model, "mmdet": their_model}
    build = step if mode == "mask2former-step" else inference
    return [
        build(name, settings, config(settings))
        for name, config in chosen(configs, wanted, mode).items()
    ]


def our_model(settings: Settings, options: dict[str, Any] | None = None) -> ConfigDict:
    """The config of the model of this package; ``options`` override its keys."""
    file = Config.fromfile(OURS)
    file.merge_from_dict(options or {})
    config = file.model
    config.decode_head.network.transformer_decoder.num_queries = settings.queries
    return config


def their_model(settings: Settings) -> ConfigDict:
    """The config of MMDetection's model."""
    folder = Path(mmdet.__file__).parent / ".mim/configs/mask2former"
    config = Config.fromfile(folder / NAME).model
    config.panoptic_head.num_queries = settings.queries
    config.data_preprocessor.batch_augments = None
    if not has_compiled_ops():
        MultiScaleDeformableAttnFunction.apply = _without_operator
    return config


def _without_operator(
    value: Tensor, sizes: Tensor, _: Tensor, places: Tensor, weights: Tensor, __: int
) -> Tensor:
    return in_torch(value, sizes.cpu(), places, weights)


def _built(config: ConfigDict, settings: Settings) -> BaseModel:
    init_default_scope("mmdet")
    config.backbone.init_cfg = None
    torch.manual_seed(settings.seed)
    model = MODELS.build(config)
    model.init_weights()
    return model.to(settings.device)


def step(name: str, settings: Settings, config: ConfigDict) -> Variant:
    """Forward, losses, backward."""
    settings = settings._replace(size=padded(settings.size))
    model = _built(config, settings).train()
    images = inputs.images(settings)
    samples = _samples(settings, as_map=name == "ours")

    def forward() -> Tensor:
        with settings.autocast():
            losses = model.loss(images, samples)
        return sum(value for key, value in losses.items() if "loss" in key)

    leaves = [x for x in model.parameters() if x.requires_grad]
    return Variant(name, forward, [images, *leaves], leaves, _note(name))


def inference(name: str, settings: Settings, config: ConfigDict) -> Variant:
    """From images, padded as in a batch, to panoptic maps of their size.

    Every query that is kept takes its part of the map, however little that is.
    """
    config.test_cfg.update(instance_on=False, semantic_on=False, iou_thr=0.0)
    model = _built(config, settings).eval()
    ours = name == "ours"
    head = (
        model.decode_head.network.class_head if ours else model.panoptic_head.cls_embed
    )
    head.register_forward_hook(_Sure(settings))
    images = inputs.images(settings._replace(size=padded(settings.size)))
    samples = _samples(settings, as_map=True)

    @torch.no_grad()
    def forward() -> Tensor:
        with settings.autocast():
            found = model.predict(images, samples)
        return torch.cat([sample.pred_panoptic_seg.sem_seg for sample in found])

    return Variant(name, forward, [images], note=_note(name))


class _Sure:
    """A hook on a class head: `kept` queries are sure of a class, the others of none.

    With random weights no query would be kept, and nothing left to do.
    """

    def __init__(self, settings: Settings) -> None:
        classes = THINGS + STUFF
        labels = torch.arange(settings.queries) % classes
        labels[settings.kept :] = classes
        self.logits = 20 * F.one_hot(labels, classes + 1).to(settings.device)

    def __call__(self, head: nn.Module, given: tuple[Tensor], logits: Tensor) -> Tensor:
        return logits + self.logits


def padded(size: tuple[int, int]) -> tuple[int, int]:
    """The size of a batch."""
    height, width = (-(-length // 32) * 32 for length in size)
    return height, width


def _note(name: str) -> str:
    if name == "ours" or has_compiled_ops():
        return ""
    return "deformable attention in torch, mmcv has no compiled operators"


def segments(settings: Settings) -> list[tuple[Tensor, Tensor]]:
    """Labels (G,) and numbers (H, W) from 0 of each image, pixels in their order."""
    height, width = settings.size
    generator = torch.Generator().manual_seed(settings.seed)
    numbers = torch.arange(height * width) * settings.segments // (height * width)
    numbers = numbers.view(height, width).to(settings.device)
    labels = torch.randint(
        THINGS, (settings.batch, settings.segments), generator=generator
    )
    return [(x, numbers) for x in labels.to(settings.device)]


def _samples(settings: Settings, as_map: bool) -> list[DetDataSample]:
    shape = dict(img_shape=settings.size, ori_shape=settings.size)
    batch = padded(settings.size)
    shape.update(pad_shape=batch, batch_input_shape=batch)
    samples = []
    for labels, numbers in segments(settings):
        sample = DetDataSample(metainfo=dict(shape, scale_factor=(1.0, 1.0)))
        if as_map:
            ids = torch.arange(1, settings.segments + 1)
            thing = torch.ones_like(ids, dtype=torch.bool)
            sample.gt_segment_map = PixelData(data=numbers[None].int() + 1)
            sample.gt_segments = InstanceData(labels=labels, ids=ids, is_thing=thing)
        else:
            sample.gt_instances = InstanceData(labels=labels, masks=bitmaps(numbers))
            void = torch.full((1, *settings.size), 255)
            sample.gt_sem_seg = PixelData(sem_seg=void)
        samples.append(sample.to(settings.device))
    return samples


def bitmaps(numbers: Tensor) -> BitmapMasks:
    """The masks of a map of numbers as MMDetection's pipeline gives them."""
    masks = numbers.cpu() == torch.arange(int(numbers.max()) + 1)[:, None, None]
    return BitmapMasks(masks.numpy().astype(np.uint8), *numbers.shape)
