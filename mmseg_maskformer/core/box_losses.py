"""Losses of boxes, for matching by boxes (paper Table 5; DETR)."""

from __future__ import annotations

from torch import Tensor

from .boxes import generalized_iou
from .losses import MatchedLoss
from .match_costs import BoxL1Cost, GIoUCost


class BoxLoss(MatchedLoss):
    """A loss of matched boxes against the boxes around their segments."""

    def forward(self, boxes: Tensor, targets: Tensor) -> Tensor:
        """Unweighted losses (...) of boxes (..., 4); centre, width and height."""
        raise NotImplementedError


class BoxL1Loss(BoxLoss):
    """Sum of the differences of the four numbers (DETR).

    Args:
        weight: factor in the total loss and in the matching cost.
    """

    def __init__(self, weight: float = 5.0) -> None:
        super().__init__(weight)

    def forward(self, boxes: Tensor, targets: Tensor) -> Tensor:
        """See :meth:`BoxLoss.forward`."""
        return (boxes - targets).abs().sum(dim=-1)

    def match_cost(self) -> BoxL1Cost:
        """See :meth:`MatchedLoss.match_cost`."""
        return BoxL1Cost(weight=self.weight)


class GIoULoss(BoxLoss):
    """1 minus the generalised intersection over union (DETR).

    Args:
        weight: factor in the total loss and in the matching cost.
    """

    def __init__(self, weight: float = 2.0) -> None:
        super().__init__(weight)

    def forward(self, boxes: Tensor, targets: Tensor) -> Tensor:
        """See :meth:`BoxLoss.forward`."""
        return 1 - generalized_iou(boxes, targets)

    def match_cost(self) -> GIoUCost:
        """See :meth:`MatchedLoss.match_cost`."""
        return GIoUCost(weight=self.weight)
