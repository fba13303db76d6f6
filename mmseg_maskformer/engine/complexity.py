"""Parameters and multiply-adds of a segmentor, part by part."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmseg_maskformer.adapters.head import PredictionHead
from mmseg_maskformer.adapters.images import image_channels
from mmseg_maskformer.core.maskformer import MaskFormer


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
    """Count a segmentor on one image; nothing is computed and the model stays as it is.

    The last part of a model of ours is what the paper's count includes beside the
    network: the sum over queries of class probability times mask, at the size of the
    input. Another head is one part, counted as it predicts.

    Args:
        model: a segmentor or detector of the host, with a head of ours or another.
        size: height and width of the input.
    """
    parameters = sum(x.numel() for x in model.parameters() if x.requires_grad)
    model = copy.deepcopy(model).eval().requires_grad_(False).to("meta")
    parts: dict[str, int] = {}
    image = torch.empty(1, image_channels(model) or 3, *size, device="meta")
    features = _count(parts, "backbone", model.extract_feat, image)
    panoptic = hasattr(model, "panoptic_head")
    head = model.panoptic_head if panoptic else model.decode_head
    if isinstance(head, PredictionHead):
        _count_network(parts, head.network, features, size)
    else:
        metas = [dict(img_shape=size)]
        _count(parts, "decode head", head.predict, features, metas, model.test_cfg)
    return Complexity(parameters, parts)


def _count_network(
    parts: dict[str, int],
    network: nn.Module,
    features: Sequence[torch.Tensor],
    size: tuple[int, int],
) -> None:
    """Count our network part by part, and the semantic scores."""
    pixels, memory = _count(parts, "pixel decoder", network.pixel_decoder, features)
    if network.transformer_decoder is None:
        _count(parts, "classifier", network.classifier, pixels)
        return
    queries = _count(parts, "transformer decoder", network.transformer_decoder, memory)
    embed = _count(parts, "mask head", network.mask_head, queries)[-1]
    _count(parts, "masks", torch.matmul, embed, pixels.flatten(2))
    if isinstance(network, MaskFormer):
        if network.box_head is not None:
            _count(parts, "box head", network.box_head, queries)
        classes = _count(parts, "class head", network.class_head, queries)[-1, ..., :-1]
        masks = embed.new_empty(1, embed.shape[1], size[0] * size[1])
        _count(parts, "semantic inference", torch.matmul, classes.mT, masks)


def _count(parts: dict[str, int], name: str, function: Callable, *inputs: Any) -> Any:
    """Call and note how many multiply-adds it took."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        outputs = function(*inputs)
    parts[name] = counter.get_total_flops() // 2
    return outputs
