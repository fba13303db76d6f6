"""The network of Mask2Former, R50 on COCO panoptic, under `torch.compile`."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmark_lib import mask2former
from benchmark_lib.inputs import Settings
from benchmark_lib.measure import Variant, alternate
from mmseg_maskformer.adapters.build import build_network

WIDTHS = {4: 256, 8: 512, 16: 1024, 32: 2048}  # of R50's maps, by stride


def compile_report(settings: Settings, backend: str, repeats: int) -> dict[str, Any]:
    """Graphs, graph breaks and their reasons; seconds of a step without and with it.

    A step goes from the backbone's maps through pixel decoder, transformer decoder and
    heads, and back; matching and losses are not compiled.
    """
    config = mask2former.our_model(settings).decode_head.network
    classes = mask2former.THINGS + mask2former.STUFF
    torch.manual_seed(settings.seed)
    network = build_network(config, list(WIDTHS.values()), classes)
    network.to(settings.device)
    maps = _maps(settings)
    found = torch._dynamo.explain(network)(maps)
    torch._dynamo.reset()
    compiled = torch.compile(network, backend=backend)
    leaves = list(network.parameters())
    variants = [
        Variant("eager", _forward(network, maps, settings), leaves=leaves),
        Variant("compiled", _forward(compiled, maps, settings), leaves=leaves),
    ]
    started = time.perf_counter()
    variants[1].step()
    compile_seconds = time.perf_counter() - started
    times = alternate(variants, repeats, settings.device)
    return dict(
        graphs=found.graph_count,
        graph_breaks=found.graph_break_count,
        reasons=[str(x.reason) for x in found.break_reasons],
        compile_seconds=compile_seconds,
        **{name: median(wall for wall, _ in pairs) for name, pairs in times.items()},
    )


def _maps(settings: Settings) -> list[Tensor]:
    generator = torch.Generator().manual_seed(settings.seed)
    found = []
    for stride, width in WIDTHS.items():
        height, columns = (-(-length // stride) for length in settings.size)
        shape = (settings.batch, width, height, columns)
        found.append(torch.randn(shape, generator=generator).to(settings.device))
    return found


def _forward(
    network: Callable[..., Any], maps: list[Tensor], settings: Settings
) -> Callable[[], Tensor]:
    def forward() -> Tensor:
        with settings.autocast():
            predictions = network(maps)
        return sum(x.float().square().mean() for x in predictions[:3])

    return forward
