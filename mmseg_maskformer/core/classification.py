"""The loss of the classes of queries (paper section 3.3), and weights of classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .argument_checks import check_not_negative
from .match_costs import ClassificationCost
from .precision import at_least_float32


class ClassificationLoss(nn.Module):
    """Cross-entropy over the queries with a smaller weight for "no object".

    Args:
        weight: factor in the total loss and in the matching cost.
        no_object_weight: weight of queries that match nothing; a number.
        class_weight: K weights, of queries that match a segment of each class; by
            default 1 each. They do not take part in matching.
    """

    class_weight: Tensor | None

    def __init__(
        self,
        weight: float = 1.0,
        no_object_weight: float = 0.1,
        class_weight: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        check_not_negative(weight=weight, no_object_weight=no_object_weight)
        self.weight = weight
        self.no_object_weight = no_object_weight
        self.register_buffer("class_weight", class_weights(class_weight), False)

    def forward(self, class_logits: Tensor, labels: Tensor) -> Tensor:
        """Weighted mean of the losses of each layer.

        Args:
            class_logits: (L, B, Q, K + 1).
            labels: (L, B, Q) in 0..K; K is "no object".

        Returns:
            (L,) unweighted losses, each sum(w nll) / sum(w).
        """
        no_object = class_logits.shape[-1] - 1
        nll = F.cross_entropy(
            at_least_float32(class_logits).flatten(0, 2),
            labels.flatten(),
            reduction="none",
        ).view(labels.shape)
        weights = torch.full((no_object + 1,), 1.0, device=labels.device)
        if self.class_weight is not None:
            weights[:-1] = self.class_weight
        weights[-1] = self.no_object_weight
        weights = weights[labels]
        total = (nll * weights).sum(dim=(1, 2))
        return total / weights.sum(dim=(1, 2)).clamp(min=1e-12)

    def match_cost(self) -> ClassificationCost:
        """The matching cost with the same weight."""
        return ClassificationCost(weight=self.weight)


def class_weights(values: Sequence[float] | None) -> Tensor | None:
    """Weights of classes as a tensor (K,), None for none.

    Raises:
        ValueError: They are no list of numbers >= 0, or all are 0.
    """
    if values is None:
        return None
    try:
        weights = torch.tensor(list(values), dtype=torch.float32)
    except (TypeError, ValueError):
        weights = torch.tensor([])
    if not (weights.isfinite() & (weights >= 0)).all() or not weights.any():
        raise ValueError(
            "class_weight must be a list of numbers >= 0, one for each class and not "
            f"all 0, got {values!r}."
        )
    return weights


def check_class_weights(weights: Tensor | None, num_classes: int, key: str) -> None:
    """Compare the number of weights with that of classes.

    Raises:
        ValueError: They differ.
    """
    if weights is not None and len(weights) != num_classes:
        raise ValueError(
            f"{key} has {len(weights)} numbers, but the model has {num_classes} "
            'classes; give one for each, without "no object", which has '
            "no_object_weight."
        )
