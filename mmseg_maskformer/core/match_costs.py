"""Matching costs: how well each query fits each segment (paper section 3.3).

Every cost has the pairwise form of the loss of the same name. Called with mmdet's
signature they serve other heads; the assigner uses the pairwise forms.

Shapes: n queries, P places of an image (cells of a grid, or points), G segments. Boxes
are centre x, y, width and height in parts of the input's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from .argument_checks import (
    check_fraction,
    check_not_negative,
    check_positive,
    described,
)
from .boxes import centres, generalized_iou
from .layers import softplus
from .precision import at_least_float32, full_precision


class MatchCost:
    """A weighted cost.

    Args:
        weight: factor in the total cost.
    """

    def __init__(self, weight: float = 1.0) -> None:
        check_not_negative(weight=weight)
        self.weight = weight

    def __call__(
        self, pred_instances: Any, gt_instances: Any, img_meta: dict | None = None
    ) -> Tensor:
        """Weighted costs (n, G), MMDetection's signature."""
        raise NotImplementedError


def check_costs(costs: Sequence[Any]) -> None:
    """Raise a ValueError if there is no cost, or one is none."""
    if not costs:
        raise ValueError("assigner.costs=[] leaves nothing to match by; leave it out.")
    for place, cost in enumerate(costs):
        if isinstance(cost, nn.Module) or not callable(cost):
            raise ValueError(
                f"assigner.costs[{place}] must be a match cost, of this package or one "
                "that is called as cost(pred_instances, gt_instances), got "
                f"{described(cost)}: losses stand in the criterion, and bring their "
                "costs along. In a head of another package leave `costs` out, or build "
                "them first."
            )


class ClassificationCost(MatchCost):
    """Minus the probability of the segment's class."""

    def pairwise(self, class_logits: Tensor, labels: Tensor) -> Tensor:
        """(n, K + 1) logits and (G,) labels to unweighted costs (n, G)."""
        return -class_logits.softmax(dim=-1)[:, labels]

    def __call__(
        self, pred_instances: Any, gt_instances: Any, img_meta: dict | None = None
    ) -> Tensor:
        """Weighted costs (n, G) from ``pred_instances.scores``, ``labels``."""
        pairwise = full_precision(self.pairwise)
        return self.weight * pairwise(pred_instances.scores, gt_instances.labels)


class MaskCost(MatchCost):
    """A cost that compares mask logits with segments on the prediction grid."""

    def pairwise(
        self,
        logits: Tensor,
        probs: Tensor,
        masks: Tensor,
        counts: Tensor | None = None,
    ) -> Tensor:
        """Unweighted costs (n, G).

        Args:
            logits: (n, P) float32.
            probs: (n, P) their sigmoid.
            masks: (G, P) in 0..1, times ``counts``.
            counts: (P,) how much each place counts, 0..1; None where all count alike.
        """
        raise NotImplementedError

    def __call__(
        self, pred_instances: Any, gt_instances: Any, img_meta: dict | None = None
    ) -> Tensor:
        """Weighted costs (n, G) from mask logits (n, h, w) and masks (G, h, w)."""
        logits = at_least_float32(pred_instances.masks.flatten(1))
        masks = gt_instances.masks.flatten(1).to(logits.dtype)
        pairwise = full_precision(self.pairwise)
        return self.weight * pairwise(logits, logits.sigmoid(), masks)


class FocalCost(MaskCost):
    """Focal loss of each pair, mean over pixels.

    Args:
        weight: factor in the total cost.
        alpha: weight of positives; negatives have 1 - alpha.
        gamma: exponent of the probability of the wrong answer.
    """

    def __init__(
        self, weight: float = 20.0, alpha: float = 0.25, gamma: float = 2.0
    ) -> None:
        super().__init__(weight)
        check_fraction(alpha=alpha)
        check_not_negative(gamma=gamma)
        self.alpha = alpha
        self.gamma = gamma

    def pairwise(
        self,
        logits: Tensor,
        probs: Tensor,
        masks: Tensor,
        counts: Tensor | None = None,
    ) -> Tensor:
        """See :meth:`MaskCost.pairwise`."""
        complement = 1 - probs
        negative_nll = softplus(logits, probs, complement)
        positive = complement.pow_(self.gamma).mul_(negative_nll - logits)
        negative = negative_nll.mul_(probs**self.gamma)
        number = _number(logits, counts)
        positive.mul_(self.alpha / number)
        negative.mul_((1 - self.alpha) / number)
        return (positive - negative) @ masks.T + _total(negative, counts)


class BCECost(MaskCost):
    """Binary cross-entropy of each pair, mean over pixels.

    With softplus(-x) = softplus(x) - x the difference of the two sides is -x.
    """

    def pairwise(
        self,
        logits: Tensor,
        probs: Tensor,
        masks: Tensor,
        counts: Tensor | None = None,
    ) -> Tensor:
        """See :meth:`MaskCost.pairwise`."""
        number = _number(logits, counts)
        negative = _total(softplus(logits, probs, 1 - probs), counts) / number
        return negative - (logits / number) @ masks.T


class DiceCost(MaskCost):
    """Dice loss of each pair.

    Args:
        weight: factor in the total cost.
        smooth: keeps empty masks finite.
    """

    def __init__(self, weight: float = 1.0, smooth: float = 1.0) -> None:
        super().__init__(weight)
        check_positive(smooth=smooth)
        self.smooth = smooth

    def pairwise(
        self,
        logits: Tensor,
        probs: Tensor,
        masks: Tensor,
        counts: Tensor | None = None,
    ) -> Tensor:
        """See :meth:`MaskCost.pairwise`."""
        total = _total(probs, counts) + masks.sum(dim=1)
        return 1 - (2 * (probs @ masks.T) + self.smooth) / (total + self.smooth)


def _total(x: Tensor, counts: Tensor | None) -> Tensor:
    """(n, 1) sum over the places of (n, P), each as much as it counts."""
    return x.sum(dim=1, keepdim=True) if counts is None else x @ counts[:, None]


def _number(logits: Tensor, counts: Tensor | None) -> int | Tensor:
    """How many places count, at least 1."""
    return logits.shape[1] if counts is None else counts.sum().clamp(min=1)


class BoxCost(MatchCost):
    """A cost that compares boxes with the boxes around segments (paper Table 5)."""

    def pairwise(self, boxes: Tensor, targets: Tensor) -> Tensor:
        """Unweighted costs (n, G) of boxes (n, 4) and (G, 4)."""
        raise NotImplementedError

    def __call__(
        self, pred_instances: Any, gt_instances: Any, img_meta: dict | None = None
    ) -> Tensor:
        """Weighted costs (n, G) from ``bboxes`` (left, top, right, bottom) in pixels.

        ``img_meta["img_shape"]`` is the height and width that they are divided by.

        Raises:
            ValueError: There is no ``img_meta``.
        """
        if img_meta is None:
            raise ValueError(
                f"{type(self).__name__} needs img_meta['img_shape'] (height, width): "
                "boxes of the host are in pixels."
            )
        height, width = img_meta["img_shape"][:2]
        found = at_least_float32(pred_instances.bboxes)
        scale = found.new_tensor([width, height, width, height])
        given = gt_instances.bboxes.to(found)
        pairwise = full_precision(self.pairwise)
        return self.weight * pairwise(centres(found / scale), centres(given / scale))


class BoxL1Cost(BoxCost):
    """Sum of the differences of the four numbers (DETR).

    Args:
        weight: factor in the total cost.
    """

    def __init__(self, weight: float = 5.0) -> None:
        super().__init__(weight)

    def pairwise(self, boxes: Tensor, targets: Tensor) -> Tensor:
        """See :meth:`BoxCost.pairwise`."""
        return (boxes[:, None] - targets).abs().sum(dim=-1)


class GIoUCost(BoxCost):
    """Minus the generalised intersection over union (DETR).

    Args:
        weight: factor in the total cost.
    """

    def __init__(self, weight: float = 2.0) -> None:
        super().__init__(weight)

    def pairwise(self, boxes: Tensor, targets: Tensor) -> Tensor:
        """See :meth:`BoxCost.pairwise`."""
        return -generalized_iou(boxes[:, None], targets)
