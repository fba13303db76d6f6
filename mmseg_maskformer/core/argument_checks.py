"""Arguments of parts that cannot be right, refused by name and value or type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor

# The parts of this package by kind.
KNOWN = dict(
    Assigner="HungarianAssigner, FixedAssigner",
    BoxLoss="BoxL1Loss, GIoULoss",
    ClassificationLoss="ClassificationLoss",
    Criterion="SetCriterion, PixelCriterion",
    MaskComparison="DenseMasks, PointMasks",
    MaskLoss="FocalMaskLoss, BCEMaskLoss, DiceLoss",
)


def check_positive(**values: float) -> None:
    """Raise ValueError for a named value that is no positive number."""
    for name, value in values.items():
        if not _is_a(value, int, float) or not value > 0:
            raise ValueError(f"{name} must be positive, got {value!r}.")


def check_counts(**values: int) -> None:
    """Raise ValueError for a named value that is no whole number from 1 up."""
    check_whole(**values)
    check_positive(**values)


def check_whole(**values: int) -> None:
    """Raise ValueError for a named value that is no whole number."""
    for name, value in values.items():
        if not _is_a(value, int):
            raise ValueError(f"{name} must be a whole number, got {value!r}.")


def check_not_negative(**values: float) -> None:
    """Raise ValueError for a named value that is no number >= 0."""
    for name, value in values.items():
        if not _is_a(value, int, float) or not value >= 0:
            raise ValueError(f"{name} must be a number >= 0, got {value!r}.")


def check_fraction(**values: float) -> None:
    """Raise ValueError for a named value that is not between 0 and 1."""
    for name, value in values.items():
        if not _is_a(value, int, float) or not 0 <= value <= 1:
            raise ValueError(f"{name}={value!r} is no share; set it between 0 and 1.")


def check_flags(**values: bool) -> None:
    """Raise ValueError for a named value that is neither True nor False.

    A command line gives words, and any word would count as True.
    """
    for name, value in values.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be True or False, got {value!r}.")


def are_counts(values: Any) -> bool:
    """Whether these are a list or a tuple of whole numbers from 1 up."""
    listed = isinstance(values, (list, tuple))
    return listed and all(_is_a(x, int) and x > 0 for x in values)


def _is_a(value: Any, *types: type) -> bool:
    """Whether a value is a number of these types; True and False are none."""
    return isinstance(value, types) and not isinstance(value, bool)


def check_choice(name: str, value: Any, choices: Iterable[Any]) -> None:
    """Raise ValueError if the value of an argument is none of its choices."""
    known = tuple(choices)
    if value not in known:
        raise ValueError(f"{name}={value!r} is none of {known}; choose one of these.")


def check_widths(name: str, widths: Sequence[int], least: int = 1) -> None:
    """Raise ValueError if there are too few widths of maps, or one is impossible.

    Args:
        name: of the argument.
        widths: channels of each map.
        least: how many maps there must be.
    """
    if not are_counts(widths) or len(widths) < least:
        raise ValueError(
            f"{name} must list the positive widths of at least {least} map(s), got "
            f"{widths!r}; those of ResNet-50's four are [256, 512, 1024, 2048]."
        )


def check_groups(num_groups: int, **width: int) -> None:
    """Raise ValueError for groups that do not divide a named width."""
    for name, value in width.items():
        if value % num_groups:
            raise ValueError(
                f"{name}={value} must be divisible by num_groups={num_groups}."
            )


def check_maps(maps: Sequence[Tensor], widths: Sequence[int]) -> None:
    """Compare the backbone's maps (B, C_i, h_i, w_i) with ``in_channels``.

    Raises:
        ValueError: They are not as many, or of other widths.
    """
    found = [x.shape[1] for x in maps]
    if found != list(widths):
        raise ValueError(
            f"The backbone's maps have {found} channels, but in_channels is "
            f"{list(widths)}: they must agree, fine to coarse."
        )


def check_attention(embed_dim: int, num_heads: int) -> None:
    """Raise ValueError if heads or position encoding do not divide the width."""
    check_counts(embed_dim=embed_dim, num_heads=num_heads)
    if embed_dim % num_heads or embed_dim % 4:
        raise ValueError(
            f"embed_dim={embed_dim} must be divisible by num_heads={num_heads} and "
            "by 4 (sine position encoding)."
        )


def check_parts(owner: str, kind: Any, **parts: object) -> None:
    """Raise a ValueError for a part that is not of a kind.

    Args:
        owner: key of the part that they belong to.
        kind: a class, or a protocol whose methods are looked for.
        parts: by key; None for none.
    """
    name = kind.__name__
    for key, part in parts.items():
        if part is not None and not isinstance(part, kind):
            raise ValueError(
                f"{owner}.{key} must be of the kind {name}: {KNOWN[name]} or your own "
                f"(docs/architecture.md#a-loss-of-your-own), got {described(part)}."
            )


def described(part: object) -> str:
    """Module and name of the type of a part."""
    return f"{type(part).__module__}.{type(part).__qualname__}"
