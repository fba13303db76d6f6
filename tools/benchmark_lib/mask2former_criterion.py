"""Mask2Former's criterion, 12,544 points: ours and MMDetection's `loss_by_feat`.

Ten predictions of 133 classes. From the decoder's queries and the mask features to
their gradients: both heads, mask products, matching, losses. Both are built from the
configuration that their package ships. Segments are prepared outside: a map of their
numbers here, their masks there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from mmdet.registry import MODELS
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from torch import Tensor

from benchmark_lib import mask2former
from benchmark_lib.inputs import Outputs, Settings
from benchmark_lib.measure import Variant, chosen
from mmseg_maskformer.adapters.build import build_part
from mmseg_maskformer.core.structures import Predictions
from mmseg_maskformer.core.targets import SegmentTargets

MODES = ("mask2former-criterion",)
LAYERS = 10


def variants(mode: str, settings: Settings, wanted: list[str] | None) -> list[Variant]:
    """One variant for both sides; ``wanted`` leaves one out."""
    classes = mask2former.THINGS + mask2former.STUFF
    settings = settings._replace(classes=classes, layers=LAYERS)
    outputs = Outputs(settings)
    sides = chosen({"ours": ours, "mmdet": theirs}, wanted, mode)
    return [side(settings, outputs) for side in sides.values()]


@contextmanager
def same_points() -> Iterator[None]:
    """Inside, both sides draw the same points: their number decides which."""
    drawn: dict[int, Tensor] = {}

    def points(*shape: Any, **options: Any) -> Tensor:
        sizes = shape[0] if len(shape) == 1 else shape
        number = sizes[-2]
        if number not in drawn:
            generator = torch.Generator().manual_seed(number)
            drawn[number] = draw(number, 2, generator=generator)
        return drawn[number].to(options.get("device")).expand(sizes).clone()

    draw = torch.rand
    with mock.patch.object(torch, "rand", points):
        yield


def ours(settings: Settings, outputs: Outputs) -> Variant:
    """Mask logits are made where they are needed."""
    config = mask2former.our_model(settings).decode_head.criterion
    criterion = build_part(config).to(settings.device)
    targets = [
        SegmentTargets(labels, numbers, torch.arange(len(labels), device=labels.device))
        for labels, numbers in mask2former.segments(settings)
    ]

    def forward() -> Tensor:
        with settings.autocast():
            class_logits, embed = outputs.heads()
            predictions = Predictions(class_logits, embed, outputs.features[None])
            losses = criterion(predictions, targets)
        return sum(losses.values())

    leaves = list(outputs.parameters())
    maps = [target.segment_map for target in targets]
    return Variant("ours", forward, [*leaves, *maps], leaves)


def theirs(settings: Settings, outputs: Outputs) -> Variant:
    """Mask logits of all queries, at stride 4, then the loss of MMDetection's head."""
    config = mask2former.their_model(settings)
    config.panoptic_head.update(train_cfg=config.train_cfg)
    with DefaultScope.overwrite_default_scope("mmdet"):
        head = MODELS.build(config.panoptic_head).to(settings.device)
    shapes = dict(img_shape=settings.size, batch_input_shape=settings.size)
    metas = [shapes] * settings.batch
    given = [
        InstanceData(labels=labels, masks=mask2former.bitmaps(numbers))
        for labels, numbers in mask2former.segments(settings)
    ]
    instances = head.preprocess_gt(given, [None] * settings.batch)

    def forward() -> Tensor:
        with settings.autocast():
            class_logits, embed = outputs.heads()
            masks = torch.einsum("lbqc,bchw->lbqhw", embed, outputs.features)
            losses = head.loss_by_feat(class_logits, masks, instances, metas)
        return sum(losses.values())

    leaves = list(outputs.parameters())
    masks = [image.masks for image in instances]
    return Variant("mmdet", forward, [*leaves, *masks], leaves)
