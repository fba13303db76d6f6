"""The training criterion: match, then classify and compare masks (paper 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .argument_checks import check_parts
from .assigners import HungarianAssigner
from .box_losses import BoxLoss
from .classification import ClassificationLoss, check_class_weights
from .fixed_assigner import FixedAssigner, check_fixed
from .losses import DiceLoss, FocalMaskLoss, MaskLoss
from .mask_comparison import DenseMasks, MaskComparison
from .network_checks import check_boxes, check_queries
from .precision import full_precision
from .protocols import Assigner
from .structures import ImagePredictions, Match, Predictions, loss_name, map_size
from .targets import SegmentTargets


class SetCriterion(nn.Module):
    """Losses of a set of queries against the segments of each image.

    Every layer is matched and supervised with the same weights. Mask terms are
    summed over matched pairs and divided by the number of segments, averaged over
    processes; the class term is a weighted mean over this process's queries.

    Args:
        loss_cls: over all queries.
        loss_mask: of matched masks, per pixel.
        loss_dice: of matched masks, per region.
        loss_bbox: of the numbers of matched boxes, None for none. A loss of boxes
            needs a network with a box head (paper Table 5).
        loss_giou: of the overlap of matched boxes, None for none.
        assigner: matches queries to segments. One that is given no costs minimises the
            sum of those that mirror the losses, with their weights: those of classes
            and masks, or, where there are losses of boxes, those of classes and boxes.
        masks: where masks are compared, for losses and, unless the assigner has its
            own, for matching; by default everywhere, :class:`DenseMasks`.

    Raises:
        ValueError: A part is of another kind than its place.
    """

    def __init__(
        self,
        loss_cls: ClassificationLoss | None = None,
        loss_mask: MaskLoss | None = None,
        loss_dice: MaskLoss | None = None,
        loss_bbox: BoxLoss | None = None,
        loss_giou: BoxLoss | None = None,
        assigner: Assigner | None = None,
        masks: MaskComparison | None = None,
    ) -> None:
        super().__init__()
        check = partial(check_parts, "criterion")
        check(ClassificationLoss, loss_cls=loss_cls)
        check(MaskLoss, loss_mask=loss_mask, loss_dice=loss_dice)
        check(BoxLoss, loss_bbox=loss_bbox, loss_giou=loss_giou)
        check(Assigner, assigner=assigner)
        check(MaskComparison, masks=masks)
        self.masks = masks or DenseMasks()
        self.loss_cls = loss_cls or ClassificationLoss()
        self.loss_mask = loss_mask or FocalMaskLoss()
        self.loss_dice = loss_dice or DiceLoss()
        self.loss_bbox = loss_bbox
        self.loss_giou = loss_giou
        by_mask = [self.loss_mask, self.loss_dice]
        matched = [self.loss_cls, *(self._box_losses().values() or by_mask)]
        assigner = assigner or HungarianAssigner()
        if isinstance(assigner, HungarianAssigner) and not assigner.costs_given:
            assigner.set_costs([loss.match_cost() for loss in matched])
        self.assigner = assigner

    def check_classes(self, num_classes: int) -> None:
        """Raise a ValueError if it has numbers for classes, and not for as many."""
        weights = getattr(self.loss_cls, "class_weight", None)
        check_class_weights(weights, num_classes, "loss_cls.class_weight")

    def check_network(self, network: Any, num_classes: int) -> None:
        """Compare what is supervised with what the network predicts.

        Raises:
            ValueError: The network has no queries, not one for each class where the
                assigner needs that, no boxes, or boxes that nothing supervises.
        """
        check_queries(network, "SetCriterion")
        losses = list(self._box_losses())
        costs = bool(getattr(self.assigner, "box_costs", ()))
        check_boxes(network, losses or costs * ["assigner"], bool(losses))
        if isinstance(self.assigner, FixedAssigner):
            check_fixed(network.num_queries, num_classes)

    @full_precision
    def forward(
        self, predictions: Predictions, targets: Sequence[SegmentTargets]
    ) -> dict[str, Tensor]:
        """Weighted losses by name; earlier layers carry the prefix ``d{layer}.``.

        Everything is computed in float32, whatever the precision of the network.

        Raises:
            ValueError: There is not one target for each image.
        """
        if len(targets) != predictions.class_logits.shape[1]:
            raise ValueError(
                f"There are targets of {len(targets)} image(s) for predictions of "
                f"{predictions.class_logits.shape[1]}."
            )
        matches = [
            match.by_segment()
            for match in self.assigner(predictions, targets, self.masks)
        ]
        labels = _query_labels(predictions.class_logits, matches, targets)
        class_term = self.loss_cls(predictions.class_logits, labels)  # (L,)
        count = _mean_over_processes(sum(map(len, targets)), class_term.device)
        mask_term, dice_term = self._mask_terms(predictions, matches, targets) / count
        terms = {
            "loss_cls": self.loss_cls.weight * class_term,
            "loss_mask": self.loss_mask.weight * mask_term,
            "loss_dice": self.loss_dice.weight * dice_term,
        }
        for name, loss in self._box_losses().items():
            box_term = _box_term(loss, predictions, matches, targets) / count
            terms[name] = loss.weight * box_term
        num_layers = len(class_term)
        return {
            loss_name(name, layer, num_layers): values[layer]
            for layer in range(num_layers)
            for name, values in terms.items()
        }

    def _mask_terms(
        self,
        predictions: Predictions,
        matches: Sequence[Match],
        targets: Sequence[SegmentTargets],
    ) -> Tensor:
        """(2, L) mask and dice losses, unweighted, summed over matched pairs."""
        totals = [
            self._image_mask_losses(image, match, target)
            for image, match, target in zip(
                predictions.images(), matches, targets, strict=True
            )
        ]
        return torch.stack(totals).sum(dim=0)

    def _image_mask_losses(
        self, predictions: ImagePredictions, match: Match, target: SegmentTargets
    ) -> Tensor:
        """(2, L) losses of one image, summed over its matched pairs.

        Mask logits are formed with gradient for the matched pairs only.
        """
        losses = (self.loss_mask, self.loss_dice)
        embed = predictions.mask_embed  # (L, Q, C)
        layers = torch.arange(len(embed), device=embed.device)
        matched = embed[layers, match.queries.T]  # (n, L, C)
        grid = map_size(predictions.mask_features)
        logits = _products(matched, predictions.mask_features.flatten(2))
        logits = logits.unflatten(-1, grid)
        segments = match.segments.T  # (n, L)
        if match.segments.shape[1] == len(target):  # every layer matches all of them
            return self.masks.losses(logits, segments[:, 0], target, losses).sum(dim=1)
        flat = self.masks.losses(
            logits.flatten(0, 1)[:, None], segments.flatten(), target, losses
        )
        return flat.view(len(losses), *segments.shape).sum(dim=1)

    def _box_losses(self) -> dict[str, BoxLoss]:
        named = {"loss_bbox": self.loss_bbox, "loss_giou": self.loss_giou}
        return {name: loss for name, loss in named.items() if loss is not None}


def _products(embed: Tensor, features: Tensor) -> Tensor:
    """Embeddings (n, L, C) and features (L or 1, C, P) to logits (n, L, P)."""
    if len(features) == 1:
        return embed @ features[0]
    return (embed.transpose(0, 1) @ features).transpose(0, 1)


def _box_term(
    loss: BoxLoss,
    predictions: Predictions,
    matches: Sequence[Match],
    targets: Sequence[SegmentTargets],
) -> Tensor:
    """(L,) losses of boxes, unweighted, summed over matched pairs."""
    assert predictions.boxes is not None  # the network was built with a box head
    total = predictions.boxes.new_zeros(len(predictions.boxes))
    layers = torch.arange(len(total), device=total.device)[:, None]
    for boxes, match, target in zip(
        predictions.boxes.unbind(1), matches, targets, strict=True
    ):
        boxes = boxes[layers, match.queries]  # (L, n, 4)
        given = target.boxes[match.segments]
        seen = given[..., 2] > 0  # a segment without a pixel has no box
        total = total + (loss(boxes, given) * seen).sum(dim=1)
    return total


def _query_labels(
    class_logits: Tensor, matches: Sequence[Match], targets: Sequence[SegmentTargets]
) -> Tensor:
    """(L, B, Q) class of each query's segment; K for unmatched queries."""
    no_object = class_logits.shape[-1] - 1
    shape, device = class_logits.shape[:-1], class_logits.device
    labels = torch.full(shape, no_object, dtype=torch.long, device=device)
    for image, (match, target) in enumerate(zip(matches, targets, strict=True)):
        labels[:, image].scatter_(1, match.queries, target.labels[match.segments])
    return labels


def _mean_over_processes(count: int, device: torch.device) -> Tensor:
    """The count averaged over processes, at least 1."""
    total = torch.full((), float(count), device=device)
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(total)
        total /= dist.get_world_size()
    return total.clamp(min=1)
