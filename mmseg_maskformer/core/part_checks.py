"""Parts that stand where a part of another kind belongs, refused by key and type."""

from __future__ import annotations

from typing import Any

# The parts of this package by kind.
KNOWN = dict(
    Assigner="HungarianAssigner, FixedAssigner",
    BoxLoss="BoxL1Loss, GIoULoss",
    ClassificationLoss="ClassificationLoss",
    Criterion="SetCriterion, PixelCriterion",
    MaskComparison="DenseMasks, PointMasks",
    MaskLoss="FocalMaskLoss, BCEMaskLoss, DiceLoss",
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
