"""Parameters and multiply-adds of a model of either host, part by part."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from mmengine.registry import DATASETS
from mmengine.structures import BaseDataElement
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmseg_maskformer.adapters.head import PredictionHead
from mmseg_maskformer.adapters.images import image_channels


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


def measure_complexity(
    model: BaseModel, size: tuple[int, int], as_mask2former: bool = False
) -> Complexity:
    """Count a model on one image; the model stays as it is.

    The last part of a model of ours is what the paper's count includes beside the
    network: the sum over queries of class probability times mask, at the size of the
    input. Another head is one part, counted as it predicts, and so is a detector that
    consists of more than one head. Nothing is computed, but of such a detector.

    Args:
        model: a segmentor or detector of the host, with a head of ours or another.
        size: height and width of the input.
        as_mask2former: of a network of ours, see :func:`count_network`.
    """
    parameters = sum(x.numel() for x in model.parameters() if x.requires_grad)
    model = copy.deepcopy(model).eval().requires_grad_(False)
    parts: dict[str, int] = {}
    channels = image_channels(model) or 3
    head = getattr(model, "panoptic_head", getattr(model, "decode_head", None))
    if head is None:
        image = torch.zeros(1, channels, *size, device=next(model.parameters()).device)
        _count(parts, "detector", model.predict, image, [_sample(size)])
        return Complexity(parameters, parts)
    model = model.to("meta")
    image = torch.empty(1, channels, *size, device="meta")
    features = _count(parts, "backbone", model.extract_feat, image)
    if isinstance(head, PredictionHead):
        count_network(parts, head.network, features, size, as_mask2former)
    elif hasattr(model, "panoptic_head"):
        _count(parts, "panoptic head", head.predict, features, [_sample(size)])
    else:
        metas = [_sample(size).metainfo]
        _count(parts, "decode head", head.predict, features, metas, model.test_cfg)
    return Complexity(parameters, parts)


def mean_complexity(
    model: BaseModel, sizes: Sequence[tuple[int, int]], as_mask2former: bool = False
) -> Complexity:
    """The mean over images of these sizes, as the paper counts on COCO.

    Args:
        model: as in :func:`measure_complexity`.
        sizes: height and width of the input for each image, at least one.
        as_mask2former: see there.
    """
    counted = [
        (measure_complexity(model, size, as_mask2former), number)
        for size, number in Counter(sizes).items()
    ]
    first = counted[0][0]
    parts = {
        name: round(sum(x.multiply_adds[name] * n for x, n in counted) / len(sizes))
        for name in first.multiply_adds
    }
    return Complexity(first.parameters, parts)


def input_sizes(config: Config, model: BaseModel, images: int) -> list[tuple[int, int]]:
    """Height and width of the network's input for the first validation images.

    Args:
        config: of either host, with its data in place.
        model: of this config; its preprocessor may pad.
        images: how many; all where there are fewer.
    """
    dataset = DATASETS.build(config.val_dataloader.dataset)
    sizes = []
    for index in range(min(images, len(dataset))):
        batch = pseudo_collate([dataset[index]])
        height, width = model.data_preprocessor(batch, False)["inputs"].shape[-2:]
        sizes.append((height, width))
    return sizes


def _sample(size: tuple[int, int]) -> BaseDataElement:
    """What heads of the hosts want to know about an image."""
    shapes = dict.fromkeys(("img_shape", "ori_shape", "batch_input_shape"), size)
    return BaseDataElement(metainfo=dict(shapes, scale_factor=(1.0, 1.0)))


def count_network(
    parts: dict[str, int],
    network: nn.Module,
    features: Sequence[torch.Tensor],
    size: tuple[int, int],
    as_mask2former: bool = False,
) -> None:
    """Count our network part by part, and the semantic scores.

    Args:
        parts: multiply-adds by part, to be added to.
        network: on the device of the features.
        features: the backbone's maps.
        size: height and width of the input.
        as_mask2former: count as Mask2Former's paper does in its ablations. The masks
            between decoder layers have the size of the mask features there, and not
            that of the memory, and there are no semantic scores.
    """
    made = _noted_masks(network) if as_mask2former else []
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        predictions = network(features)
    counts = counter.get_flop_counts()
    for name, _ in network.named_children():
        flops = sum(counts.get(f"{type(network).__name__}.{name}", {}).values())
        if flops:
            parts[name.replace("_", " ")] = flops // 2
    if "transformer decoder" in parts:  # heads that it calls are parts of their own
        twice = sum(parts[x] for x in parts if x != "backbone")
        parts["transformer decoder"] -= twice - counter.get_total_flops() // 2
    output = _count(parts, "masks", predictions.layer)
    if as_mask2former:
        parts["masks between layers"] = len(made) * parts["masks"] - sum(made)
    elif output.class_logits is not None:
        classes = output.class_logits[..., :-1]
        masks = classes.new_empty(1, classes.shape[1], size[0] * size[1])
        _count(parts, "semantic inference", torch.matmul, classes.mT, masks)


def _noted_masks(network: nn.Module) -> list[int]:
    """Will hold the multiply-adds of each mask between layers."""
    made: list[int] = []
    decoder: Any = getattr(network, "transformer_decoder", None)
    if not hasattr(decoder, "attention_mask"):
        return made
    method = decoder.attention_mask

    def noted(
        embed: torch.Tensor, features: torch.Tensor, padding: torch.Tensor | None
    ) -> torch.Tensor:
        made.append(embed.numel() * features.shape[-1])
        return method(embed, features, padding)

    decoder.attention_mask = noted
    return made


def _count(parts: dict[str, int], name: str, function: Callable, *inputs: Any) -> Any:
    """Call and note how many multiply-adds it took."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        outputs = function(*inputs)
    parts[name] = counter.get_total_flops() // 2
    return outputs
