"""Bipartite matching of queries to segments (paper section 3.3)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .argument_checks import check_counts, check_parts
from .cost_tables import solve, to_numpy, worse
from .mask_comparison import Columns, DenseMasks, MaskComparison
from .match_costs import (
    BoxCost,
    ClassificationCost,
    DiceCost,
    FocalCost,
    MaskCost,
    MatchCost,
    check_costs,
)
from .messages import image_name
from .precision import at_least_float32, full_precision, without_autocast
from .structures import ImagePredictions, Match, Predictions
from .targets import SegmentTargets
from .tiling import of_device

logger = logging.getLogger(__name__)

_CHUNK = {"cpu": 1 << 18, "cuda": 1 << 24}  # mask logits compared at a time


class Assignment(NamedTuple):
    """The pairs of one image in the fields of MMDetection's ``AssignResult``."""

    num_gts: int
    gt_inds: Tensor  # (Q,) 1 + number of the query's segment, 0 where it has none
    max_overlaps: None
    labels: Tensor  # (Q,) class of the query's segment, -1 where it has none


class HungarianAssigner:
    """Minimum-cost one-to-one matching, for all layers and images in one transfer.

    Costs are computed in float32 whatever the precision of the network.

    Args:
        costs: summed; by default those of the losses of the criterion that it is
            given to, else those of the paper. Classification, mask and box costs are
            evaluated pairwise; any other is called as ``cost(pred_instances,
            gt_instances)``, mmdet's signature, and brings its own weight.
        max_bad_steps: stop after this many calls in a row with non-finite costs.
        masks: where masks are compared; by default as the criterion that calls does.
    """

    def __init__(
        self,
        costs: Sequence[MatchCost | Callable] | None = None,
        max_bad_steps: int = 20,
        masks: MaskComparison | None = None,
    ) -> None:
        check_counts(max_bad_steps=max_bad_steps)
        check_parts("assigner", MaskComparison, masks=masks)
        self.costs_given = costs is not None
        if costs is None:
            costs = [ClassificationCost(), FocalCost(), DiceCost()]
        self.set_costs(costs)
        self.max_bad_steps = max_bad_steps
        self.masks = masks
        self._bad_steps = 0
        self._warned: set[str] = set()

    def set_costs(self, costs: Sequence[MatchCost | Callable]) -> None:
        """Match by these costs from now on.

        Raises:
            ValueError: There is none, or one is no cost but its config, or a loss.
        """
        check_costs(costs)
        self.class_costs = [c for c in costs if isinstance(c, ClassificationCost)]
        self.mask_costs = [c for c in costs if isinstance(c, MaskCost)]
        self.box_costs = [c for c in costs if isinstance(c, BoxCost)]
        known = (ClassificationCost, MaskCost, BoxCost)
        self.other_costs = [c for c in costs if not isinstance(c, known)]

    @torch.no_grad()
    @full_precision
    def __call__(
        self,
        predictions: Predictions,
        targets: Sequence[SegmentTargets],
        masks: MaskComparison | None = None,
    ) -> list[Match]:
        """Match each image's queries to its segments, in every layer.

        Args:
            predictions: of a batch.
            targets: of its images.
            masks: where masks are compared, if the assigner was not told; by default
                :class:`DenseMasks`.

        Raises:
            FloatingPointError: Costs were not finite in ``max_bad_steps`` calls in a
                row.
        """
        masks = self.masks or masks or DenseMasks()
        costs = [
            self._costs(image, target, masks)
            for image, target in zip(predictions.images(), targets, strict=True)
        ]
        tables = self._guarded(to_numpy(costs), [x.name for x in targets])
        for target in targets:
            self._warn_of_unmatched(
                target.name, len(target), predictions.class_logits.shape[2]
            )
        pairs = [solve(table) for table in tables]
        packed = torch.from_numpy(np.concatenate([p.ravel() for p in pairs]))
        packed = packed.to(predictions.class_logits.device)
        sizes = [pair.size for pair in pairs]
        return [
            Match(*flat.view(pair.shape))
            for flat, pair in zip(packed.split(sizes), pairs, strict=True)
        ]

    @torch.no_grad()
    def assign(
        self, pred_instances: Any, gt_instances: Any, img_meta: dict | None = None
    ) -> Assignment:
        """Match one image for a head of MMDetection.

        Args:
            pred_instances: ``scores`` (Q, K + 1) and ``masks`` (Q, h, w), both logits.
            gt_instances: ``labels`` (G,) and ``masks`` (G, h, w).
            img_meta: what the costs want to know.
        """
        labels, scores = gt_instances.labels, pred_instances.scores
        gt_inds = labels.new_zeros(len(scores))
        assigned = labels.new_full((len(scores),), -1)
        costs = self.class_costs + self.mask_costs + self.box_costs + self.other_costs
        if len(labels):
            with without_autocast(scores.device):
                values = [
                    at_least_float32(cost(pred_instances, gt_instances, img_meta))
                    for cost in costs
                ]
            name = image_name(img_meta or {})
            self._warn_of_unmatched(name, len(labels), len(scores))
            table = torch.stack(values).sum(dim=0)[None].cpu().numpy()
            pairs = solve(self._guarded([table], [name])[0])[:, 0]
            queries, segments = torch.from_numpy(pairs).to(labels.device)
            gt_inds[queries] = segments + 1
            assigned[queries] = labels[segments]
        return Assignment(len(labels), gt_inds, None, assigned)

    def _costs(
        self,
        predictions: ImagePredictions,
        target: SegmentTargets,
        masks: MaskComparison,
    ) -> Tensor:
        """The costs (L, Q, G) of one image."""
        shape = predictions.class_logits.shape[:2]
        total = predictions.class_logits.new_zeros(*shape, len(target))
        if len(target):
            self._add_class_costs(total, predictions.class_logits, target)
            self._add_box_costs(total, predictions.boxes, target)
            if self.mask_costs or self.other_costs:
                columns = masks.columns(predictions.mask_features, target)
                self._add_mask_costs(total, predictions, columns, target)
        return total

    def _add_class_costs(
        self, total: Tensor, class_logits: Tensor, target: SegmentTargets
    ) -> None:
        """Add to (L, Q, G) what (L, Q, K + 1) logits cost."""
        for cost in self.class_costs:
            values = cost.pairwise(class_logits.flatten(0, 1), target.labels)
            total += cost.weight * values.view_as(total)

    def _add_box_costs(
        self, total: Tensor, boxes: Tensor | None, target: SegmentTargets
    ) -> None:
        """Add to (L, Q, G) what boxes (L, Q, 4) cost."""
        if not self.box_costs:
            return
        if boxes is None:
            raise ValueError(
                "Boxes are to be matched, but the network predicts none; give "
                "SetCriterion its loss_bbox and loss_giou, and set "
                "network.with_boxes=True."
            )
        for cost in self.box_costs:
            values = cost.pairwise(boxes.flatten(0, 1), target.boxes)
            total += cost.weight * values.view_as(total)

    def _add_mask_costs(
        self,
        total: Tensor,
        predictions: ImagePredictions,
        columns: Columns,
        target: SegmentTargets,
    ) -> None:
        """Add to (L, Q, G) what masks cost, and every other cost."""
        num_places = columns.features.shape[-1]
        if num_places == 0:  # every pixel is void
            return
        class_logits, embed = predictions.class_logits, predictions.mask_embed
        chunk = of_device(_CHUNK, embed.device)
        rows = max(1, chunk // num_places)
        # a layer at a time, or several where a chunk holds them
        layers = max(1, rows // total.shape[1]) if columns.shared else 1
        for first in range(0, len(total), layers):
            some = slice(first, first + layers)
            places = columns.layer(first)
            logits = embed[some].flatten(0, 1) @ places.features  # (layers * Q, P)
            flat = total[some].flatten(0, 1)
            for part, block in zip(flat.split(rows), logits.split(rows), strict=True):
                probs = block.sigmoid()
                for cost in self.mask_costs:
                    values = cost.pairwise(block, probs, places.masks, places.counts)
                    part += cost.weight * values
            self._add_other_costs(
                total[some], class_logits[some], logits, places, target
            )

    def _add_other_costs(
        self,
        total: Tensor,
        class_logits: Tensor,
        mask_logits: Tensor,
        places: Columns,
        target: SegmentTargets,
    ) -> None:
        """Add to (layers, Q, G) what costs of another package say.

        They count all places alike: those that count by half at least.
        """
        if not self.other_costs:
            return
        masks = places.masks
        if places.counts is not None:
            kept = places.counts >= 0.5
            mask_logits = mask_logits[:, kept]
            masks = masks[:, kept] / places.counts[kept]
        given = SimpleNamespace(labels=target.labels, masks=masks[:, None])
        mask_logits = mask_logits.view(*class_logits.shape[:2], 1, -1)
        for layer, scores, logits in zip(total, class_logits, mask_logits, strict=True):
            predicted = SimpleNamespace(scores=scores, masks=logits)
            for cost in self.other_costs:
                layer += cost(predicted, given)

    def _guarded(
        self, tables: list[np.ndarray], names: Sequence[str]
    ) -> list[np.ndarray]:
        """Replace non-finite costs by a value worse than every finite one."""
        bad = [~np.isfinite(table) for table in tables]
        if not any(b.any() for b in bad):
            self._bad_steps = 0
            return tables
        self._bad_steps += 1
        where = "; ".join(
            f"{name} in layer(s) {np.unique(b.nonzero()[0]).tolist()}"
            for b, name in zip(bad, names, strict=True)
            if b.any()
        )
        self._warn(
            "non-finite",
            f"Matching costs are not finite for {where}; they are replaced. The loss "
            "has probably diverged or overflowed.",
        )
        if self._bad_steps >= self.max_bad_steps:
            raise FloatingPointError(
                f"Matching costs were not finite in {self._bad_steps} steps in a row, "
                f"last for {where}. Likely causes: a learning rate too high for the "
                "batch size, gradient clipping removed (the paper clips at 0.01), "
                "float16 overflow (try bfloat16 or float32), or damaged weights."
            )
        return [np.where(b, worse(t, b), t) for t, b in zip(tables, bad, strict=True)]

    def _warn_of_unmatched(
        self, name: str, num_segments: int, num_queries: int
    ) -> None:
        if num_segments > num_queries:
            self._warn(
                "unmatched",
                f"{name} has {num_segments} segments but the model has {num_queries} "
                f"queries; {num_segments - num_queries} segments stay unmatched. Raise "
                "num_queries if this is common.",
            )

    def _warn(self, kind: str, message: str) -> None:
        """Log once per kind."""
        if kind not in self._warned:
            self._warned.add(kind)
            logger.warning(message)
