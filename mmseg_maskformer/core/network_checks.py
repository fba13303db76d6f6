"""Whether a network predicts what a criterion supervises, asked before training."""

from __future__ import annotations

from collections.abc import Sequence

from .protocols import Network


def check_queries(network: Network, criterion: str) -> None:
    """Raise a ValueError if a network has no queries that a criterion could match."""
    if network.per_pixel:
        raise ValueError(
            f"criterion.type={criterion!r} matches queries with segments, and network."
            f"type={type(network).__name__!r} classifies pixels; set criterion.type="
            "'PixelCriterion', or network.type='MaskFormer'."
        )


def check_pixels(network: Network, criterion: str) -> None:
    """Raise a ValueError if a network does not classify pixels."""
    if not network.per_pixel:
        raise ValueError(
            f"criterion.type={criterion!r} compares classes of pixels, and network."
            f"type={type(network).__name__!r} classifies masks; set criterion.type="
            "'SetCriterion', or network.type='PerPixelBaseline'."
        )


def check_boxes(network: Network, needing: Sequence[str], supervised: bool) -> None:
    """Compare the box head of a network with the parts that look at boxes.

    Args:
        network: with or without a box head.
        needing: keys of the criterion's parts that need boxes.
        supervised: whether there is a loss of boxes.

    Raises:
        ValueError: One is there without the other.
    """
    with_boxes = getattr(network, "with_boxes", False)
    if needing and not with_boxes:
        raise ValueError(
            f"criterion.{needing[0]} compares boxes, and the network predicts none; "
            "set network.with_boxes=True."
        )
    if with_boxes and not supervised:
        raise ValueError(
            "network.with_boxes=True adds a box head, and no loss trains it; set "
            "criterion.loss_bbox or criterion.loss_giou, or remove with_boxes."
        )
