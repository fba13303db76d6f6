"""What the sizes of streamed pieces cost on a device, beside the peers.

Losses are streamed over chunks of masks, results over tiles of rows. Small pieces take
little memory and many launches; a GPU waits for the launches.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import torch
from mmengine.logging import MMLogger

from mmseg_maskformer.core import losses, tiling

from . import measure, mmdet_side, mmseg_side, our_side
from .inputs import Outputs, Settings

HALF = torch.float16

# Title, where the size of the pieces stands, and ours and the peer's variant.
Case = tuple[str, ModuleType, str, list[measure.Variant]]


def chunk_costs(
    device: torch.device, repeats: int, shrink: int = 1
) -> Iterator[dict[str, Any]]:
    """Seconds and peak memory of each case, side and size, one after the other.

    Args:
        device: where everything runs.
        repeats: steps of each variant, in turns.
        shrink: divides the sides of the inputs, to try it on a small machine.
    """
    MMLogger.get_instance("benchmark").setLevel("ERROR")  # hosts report every init
    for title, module, name, variants in _cases(device, shrink):
        ours, peer = variants
        found = [_sized(ours, module, name, device, bits) for bits in (23, 24, 25)]
        peers, failed = measure.able([peer])
        for side, error in failed.items():
            print(f"{side} cannot make this step: {error}")
        found += peers
        times = measure.alternate(found, repeats, device)
        for variant in found:
            wall = [seconds for seconds, _ in times[variant.name]]
            figures = measure.memory(variant, device)
            yield dict(
                case=title,
                side=variant.name,
                median=statistics.median(wall),
                fastest=min(wall),
                slowest=max(wall),
                peak=figures["peak"],
            )


def _cases(device: torch.device, shrink: int) -> Iterator[Case]:
    made = partial(_settings, device, shrink)
    yield from _training_cases(made)
    yield from _inference_cases(made)


def _settings(
    device: torch.device,
    shrink: int,
    size: tuple[int, int],
    batch: int,
    classes: int,
    **rest: Any,
) -> Settings:
    height, width = (side // shrink for side in size)
    rest = {**dict(segments=9, amp=None, kept=30), **rest}
    return Settings(
        size=(height, width),
        batch=batch,
        classes=classes,
        queries=100,
        layers=6,
        device=device,
        seed=0,
        **rest,
    )


def _training_cases(settings: Callable[..., Settings]) -> Iterator[Case]:
    for title, chosen in {
        "criterion, 512 x 512": settings((512, 512), 2, 150),
        "criterion, 1024 x 1024": settings((1024, 1024), 2, 150, segments=20),
        "criterion, 800 x 1333": settings((800, 1333), 1, 133, segments=30),
    }.items():
        shared = Outputs(chosen)
        sides = [side.criterion(chosen, shared) for side in (our_side, mmseg_side)]
        yield title, losses, "_CHUNK", sides
    for title, chosen in {
        "training step, 512 x 512": settings((512, 512), 2, 150),
        "the same, float16": settings((512, 512), 2, 150, amp=HALF),
        "the same, float16, batch 8": settings((512, 512), 8, 150, amp=HALF),
        "training step, 1024 x 1024, float16": settings(
            (1024, 1024), 2, 150, segments=20, amp=HALF
        ),
    }.items():
        sides = [side.train_step(chosen) for side in (our_side, mmseg_side)]
        yield title, losses, "_CHUNK", sides


def _inference_cases(settings: Callable[..., Settings]) -> Iterator[Case]:
    for title, chosen in {
        "semantic, 1024 x 2048, 150 classes": settings((1024, 2048), 1, 150),
        "semantic, 512 x 683, 847 classes": settings((512, 683), 1, 847),
    }.items():
        sides = [side.semantic_inference(chosen) for side in (our_side, mmseg_side)]
        yield title, tiling, "_TILE", sides
    for kept in (30, 100):
        chosen = settings((800, 1333), 1, 133, kept=kept)
        sides = [side.panoptic_inference(chosen) for side in (our_side, mmdet_side)]
        yield f"panoptic, 800 x 1333, {kept} kept", tiling, "_TILE", sides


def _sized(
    variant: measure.Variant,
    module: ModuleType,
    name: str,
    device: torch.device,
    bits: int,
) -> measure.Variant:
    """The variant with pieces of 2 ** bits elements."""

    def forward() -> torch.Tensor:
        getattr(module, name)[device.type] = 1 << bits
        return variant.forward()

    label = f"ours, 2^{bits}"
    return measure.Variant(label, forward, variant.inputs, variant.leaves)
