"""Weights for images of three channels, and models for images of another number."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_REARRANGED = ("Focus", "SpaceToDepth")  # pixels made channels, of YOLOX and TResNet


def first_convolution(backbone: nn.Module) -> tuple[str, nn.Conv2d] | None:
    """Name and module of the convolution that sees the image, None without one."""
    for name, module in backbone.named_modules():
        if type(module).__name__ in _REARRANGED:
            return None
        if isinstance(module, nn.Conv2d):
            return name, module
    return None


def check_channels(theirs: int, ours: int) -> None:
    """Refuse weights for images of another number of channels.

    Raises:
        ValueError: The numbers differ.
    """
    if theirs != ours:
        raise ValueError(
            f"The file's first convolution takes images of {theirs} channels, that of "
            f"the backbone {ours} (backbone.in_channels). Adapt the file: python "
            f"tools/image_channels.py FILE NEW --channels {ours}, and load NEW; or "
            "train from scratch with backbone.init_cfg=None (docs/images.md)."
        )


def adapted(tensors: Mapping[str, Tensor], channels: int) -> dict[str, Tensor]:
    """The tensors of a file, of any layout, for images of other than three channels.

    Raises:
        ValueError: Not exactly one of them takes three channels.
    """
    stems = colour_convolutions(tensors)
    if len(stems) != 1:
        raise ValueError(
            f"{len(stems)} of the {len(tensors)} tensors are convolutions of three "
            "channels, and the one that sees the image is wanted: give the weights of "
            "a backbone, or of a model with one, for colour images."
        )
    return dict(tensors, **{stems[0]: with_channels(tensors[stems[0]], channels)})


def colour_convolutions(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of the weights that take three channels."""
    return [name for name, x in tensors.items() if x.ndim == 4 and x.shape[1] == 3]


def with_channels(weight: Tensor, channels: int) -> Tensor:
    """Weights (O, 3, h, w) as (O, channels, h, w).

    Of three and more, channel c takes the weights of red, green or blue by turns,
    divided by how many channels take them; of fewer, each takes an equal part of the
    sum of the three. An image of copies of the colours, or of grey, gives what it gave.
    """
    if channels < 3:
        return weight.sum(dim=1, keepdim=True).expand(-1, channels, -1, -1) / channels
    colour = torch.arange(channels) % 3
    copies = colour.bincount()[colour].to(weight.dtype)
    return weight[:, colour] / copies[:, None, None]
