"""Multi-scale deformable attention of this package, mmcv and transformers.

Eight heads of 32 channels, three levels at strides 32, 16 and 8, four samples each; the
queries are their cells: 5,376 for 512 x 512. Samples are a few cells from the query, as
in training. On the CPU the peers run their torch forms; on CUDA mmcv's compiled
operator is another side, where mmcv has it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor

from benchmark_lib.inputs import Settings
from benchmark_lib.measure import Variant, chosen
from mmseg_maskformer.adapters import kernels
from mmseg_maskformer.core.deformable_attention import deformable_attention
from mmseg_maskformer.core.deformable_encoder import cell_centres

MODES = ("deformable-attention", "deformable-forward")
HEADS, CHANNELS, POINTS = 8, 32, 4
SPREAD = 3.0  # standard deviation of the samples' distances in cells

Operator = Callable[[Tensor, list[tuple[int, int]], Tensor, Tensor], Tensor]


def mmcv_form(
    value: Tensor, shapes: list[tuple[int, int]], locations: Tensor, weights: Tensor
) -> Tensor:
    """Mmcv's form in torch."""
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

    sizes = torch.tensor(shapes)  # on the CPU: read one by one
    return multi_scale_deformable_attn_pytorch(value, sizes, locations, weights)


def transformers_form(
    value: Tensor, shapes: list[tuple[int, int]], locations: Tensor, weights: Tensor
) -> Tensor:
    """The form in torch of transformers."""
    from transformers.models.mask2former import modeling_mask2former

    return modeling_mask2former.multi_scale_deformable_attention(
        value, shapes, locations, weights
    )


def operators(settings: Settings) -> dict[str, Operator]:
    """The sides that can run here."""
    found: dict[str, Operator] = {"ours": deformable_attention, "mmcv": mmcv_form}
    if find_spec("transformers"):
        found["transformers"] = transformers_form
    kernel = kernels.find_kernel()
    if settings.device.type == "cuda" and kernel is not None:
        found["compiled"] = kernel
    return found


def variants(mode: str, settings: Settings, wanted: list[str] | None) -> list[Variant]:
    """One variant of the mode for every side; ``wanted`` leaves some out."""
    sides = chosen(operators(settings), wanted, mode)
    build = forward_only if mode == "deformable-forward" else with_backward
    return [build(name, operator, settings) for name, operator in sides.items()]


def problem(settings: Settings) -> tuple[list[tuple[int, int]], list[Tensor]]:
    """Sizes of the levels; values, locations and weights."""
    generator = torch.Generator().manual_seed(settings.seed)
    height, width = settings.size
    shapes = [(-(-height // s), -(-width // s)) for s in (32, 16, 8)]
    tokens = sum(h * w for h, w in shapes)
    value = torch.randn(settings.batch, tokens, HEADS, CHANNELS, generator=generator)
    size = torch.tensor([[w, h] for h, w in shapes])[:, None]
    samples = (settings.batch, tokens, HEADS, len(shapes), POINTS)
    away = SPREAD * torch.randn(*samples, 2, generator=generator)
    centres = torch.cat([cell_centres(torch.empty(1, 1, *x)) for x in shapes])
    locations = centres[:, None, None, None] + away / size
    weights = torch.randn(samples, generator=generator).flatten(3).softmax(-1)
    tensors = (value, locations, weights.view(samples))
    return shapes, [x.to(settings.device) for x in tensors]


def with_backward(name: str, operator: Operator, settings: Settings) -> Variant:
    """Forward, and all three gradients."""
    shapes, leaves = problem(settings)
    value, locations, weights = (x.requires_grad_() for x in leaves)
    generator = torch.Generator().manual_seed(settings.seed)
    shape = (settings.batch, value.shape[1], HEADS * CHANNELS)
    grad = torch.randn(shape, generator=generator).to(settings.device)

    def forward() -> Tensor:
        output = operator(value, shapes, locations, weights)
        return torch.dot(output.flatten(), grad.flatten())

    return Variant(name, forward, [*leaves, grad], leaves)


def forward_only(name: str, operator: Operator, settings: Settings) -> Variant:
    """Forward without a graph, as in inference."""
    shapes, (value, locations, weights) = problem(settings)

    @torch.no_grad()
    def forward() -> Tensor:
        return operator(value, shapes, locations, weights)

    return Variant(name, forward, [value, locations, weights])
