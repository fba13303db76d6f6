"""Parts of a model that training leaves as they are, batch norm's statistics too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from mmseg_maskformer.core.messages import shown


def freeze(model: nn.Module, names: Any) -> Sequence[str]:
    """Freeze parts of a model, before an optimizer or DDP looks at it.

    Args:
        model: whose ``train`` calls :func:`keep_frozen` with the same names.
        names: of modules, with dots, as "decode_head.network.pixel_decoder".

    Returns:
        The names.

    Raises:
        ValueError: They are no list of names, a name is that of no module, or nothing
            is left to train.
    """
    if not isinstance(names, list | tuple):
        raise ValueError(
            f"model.frozen={names!r} is no list of names; write "
            'frozen=("backbone",) with a comma, or ["backbone"].'
        )
    for name in names:
        _part(model, name).requires_grad_(False)
    if names and not any(x.requires_grad for x in model.parameters()):
        raise ValueError(
            f"model.frozen={names!r} leaves nothing to train; remove a name."
        )
    keep_frozen(model, names)
    return names


def keep_frozen(model: nn.Module, names: Sequence[str]) -> None:
    """Put the named parts into evaluation again, after ``train`` of the model."""
    for name in names:
        model.get_submodule(name).eval()


def _part(model: nn.Module, name: str) -> nn.Module:
    """The module of that name; an error lists what is there in its place."""
    part, place = model, "model"
    for word in name.split("."):
        known = dict(part.named_children())
        if word not in known:
            raise ValueError(
                f"model.frozen has {name!r}, and {place} has no part {word!r}; its "
                f"parts are {shown(known) or 'none'}."
            )
        part, place = known[word], f"{place}.{word}"
    return part
