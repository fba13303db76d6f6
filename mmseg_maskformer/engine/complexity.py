"""Parameters and multiply-adds of a segmentor, part by part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Complexity:
    """What a model costs.

    Args:
        parameters: trainable ones.
        multiply_adds: of one image by part; convolutions, linear layers, attention and
            other matrix products count, norms and activations do not.
    """

    parameters: int
    multiply_adds: dict[str, int]

    @property
    def total(self) -> int:
        """Multiply-adds of all parts; what the papers call FLOPs."""
        return sum(self.multiply_adds.values())


def measure_complexity(model: nn.Module, size: tuple[int, int]) -> Complexity:
    """Count a segmentor whose head is ours on one zero image.

    The last part is what the paper's count includes beside the network: the sum over
    queries of class probability times mask, at the size of the input.

    Args:
        model: a segmentor whose head is ours; stays in evaluation mode and frozen.
        size: height and width of the input.

    Raises:
        ValueError: The head is another's.
    """
    if not hasattr(model.decode_head, "maskformer"):
        raise ValueError(
            f"{type(model.decode_head).__name__} is not a head of mmseg_maskformer; "
            "mmengine.analysis.get_model_complexity_info counts other models."
        )
    parameters = sum(x.numel() for x in model.parameters() if x.requires_grad)
    model = model.eval().requires_grad_(False)
    head = model.decode_head.maskformer
    parts: dict[str, int] = {}
    features = _count(parts, "backbone", model.backbone, torch.zeros(1, 3, *size))
    masks, memory = _count(parts, "pixel decoder", head.pixel_decoder, features)
    queries = _count(parts, "transformer decoder", head.transformer_decoder, memory)
    _count(parts, "class head", head.class_head, queries)
    embed = _count(parts, "mask head", head.mask_head, queries)
    _count(parts, "masks", _products, embed[-1], masks.flatten(2))
    count, classes = embed.shape[-2], head.class_head.out_features - 1
    _count(
        parts,
        "semantic inference",
        _products,
        torch.zeros(1, classes, count),
        torch.zeros(1, count, size[0] * size[1]),
    )
    return Complexity(parameters, parts)


def _products(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return left @ right


def _count(parts: dict[str, int], name: str, function: Callable, *inputs: Any) -> Any:
    """Call and note how many multiply-adds it took."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        outputs = function(*inputs)
    parts[name] = counter.get_total_flops() // 2
    return outputs
