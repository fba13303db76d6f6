"""Matching by class index (paper Table 4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .mask_comparison import MaskComparison
from .structures import Match, Predictions
from .targets import SegmentTargets


class FixedAssigner:
    """Query k answers for class k: matching without costs (paper Table 4).

    Each class has one segment at most, as in semantic segmentation, and Q = K.
    """

    @torch.no_grad()
    def __call__(
        self,
        predictions: Predictions,
        targets: Sequence[SegmentTargets],
        masks: MaskComparison | None = None,
    ) -> list[Match]:
        """Pair each image's segments with the queries of their classes.

        Masks are not looked at; ``masks`` is what other assigners compare them by.

        Raises:
            ValueError: There are not as many queries as classes, or a class has two
                segments.
        """
        num_layers, _, num_queries, outputs = predictions.class_logits.shape
        check_fixed(num_queries, num_classes=outputs - 1)
        ordered = [target.labels.sort().values for target in targets]
        repeated = torch.stack([(x[1:] == x[:-1]).any() for x in ordered]).tolist()
        if any(repeated):
            raise ValueError(
                f"{targets[repeated.index(True)].name} has several segments of one "
                "class, and FixedAssigner one query per class; use HungarianAssigner."
            )
        return [
            Match(
                target.labels.expand(num_layers, -1),
                torch.arange(len(target), device=target.labels.device).expand(
                    num_layers, -1
                ),
            )
            for target in targets
        ]


def check_fixed(num_queries: int, num_classes: int) -> None:
    """Raise ValueError if there is not one query per class."""
    if num_queries != num_classes:
        raise ValueError(
            f"FixedAssigner pairs query k with class k, but there are {num_queries} "
            f"queries and {num_classes} classes; set network.transformer_decoder."
            "num_queries=None."
        )
