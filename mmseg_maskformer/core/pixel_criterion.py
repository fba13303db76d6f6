"""The criterion of per-pixel models: cross-entropy of every pixel (paper section 3.1).

Logits exist on a coarser grid; a tile of rows at a time is upsampled, compared with the
labels and turned into its gradient on that grid. No K x H x W tensor is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .argument_checks import check_not_negative, check_parts
from .classification import check_class_weights, class_weights
from .losses import MaskLoss, mask_losses
from .network_checks import check_pixels
from .precision import full_precision
from .protocols import Network
from .structures import PixelPredictions, loss_name, map_size
from .targets import SegmentTargets
from .tiling import add_rows_transposed, resize_rows, tile_size


class PixelCriterion(nn.Module):
    """Cross-entropy of each pixel's class, of every layer.

    The mean is over the pixels of this process's batch that belong to a segment; void
    and padding do not. With mask losses the scores of a class are a mask, compared
    with the class's region, an empty one where the class is absent; their mean is over
    images and classes. Paper section 4.4 trains its baseline with "exactly the same
    losses": with mask losses and ``weight=0``.

    Args:
        weight: of the cross-entropy.
        loss_mask: of the class masks, per pixel; None for none.
        loss_dice: of the class masks, per region; None for none.
        class_weight: K weights, of the pixels of each class in the cross-entropy,
            which becomes sum(w nll) / sum(w); by default 1 each.

    Raises:
        ValueError: There is no loss at all, or one is no mask loss.
    """

    class_weight: Tensor | None

    def __init__(
        self,
        weight: float = 1.0,
        loss_mask: MaskLoss | None = None,
        loss_dice: MaskLoss | None = None,
        class_weight: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        check_not_negative(weight=weight)
        check_parts("criterion", MaskLoss, loss_mask=loss_mask, loss_dice=loss_dice)
        if not (weight or loss_mask or loss_dice):
            raise ValueError(
                "PixelCriterion with weight=0 has no loss; set weight, loss_mask or "
                "loss_dice."
            )
        self.weight = weight
        self.loss_mask = loss_mask
        self.loss_dice = loss_dice
        self.register_buffer("class_weight", class_weights(class_weight), False)

    def check_classes(self, num_classes: int) -> None:
        """Raise a ValueError if it has numbers for classes, and not for as many."""
        check_class_weights(self.class_weight, num_classes, "criterion.class_weight")

    def check_network(self, network: Network, num_classes: int) -> None:
        """Raise a ValueError if the network does not classify pixels."""
        check_pixels(network, "PixelCriterion")

    @full_precision
    def forward(
        self, predictions: PixelPredictions, targets: Sequence[SegmentTargets]
    ) -> dict[str, Tensor]:
        """Weighted losses by name; earlier layers carry the prefix ``d{layer}.``.

        Everything is computed in float32, whatever the precision of the network.
        """
        label_maps = torch.stack([target.class_map() for target in targets])
        valid = [target.valid for target in targets]
        num_layers = len(predictions.class_embed)
        losses = {}
        for layer in range(num_layers):
            terms = self._terms(predictions.class_logits(layer), label_maps, valid)
            for name, term in terms.items():
                losses[loss_name(name, layer, num_layers)] = term
        return losses

    def _terms(
        self, logits: Tensor, label_maps: Tensor, valid: Sequence[Tensor | None]
    ) -> dict[str, Tensor]:
        """Weighted losses of one layer, logits (B, K, h, w)."""
        terms = {}
        if self.weight:
            terms["loss_ce"] = self.weight * pixel_cross_entropy(
                logits, label_maps, class_weight=self.class_weight
            )
        named = {"loss_mask": self.loss_mask, "loss_dice": self.loss_dice}
        parts = {name: part for name, part in named.items() if part is not None}
        if parts:
            values = _class_mask_losses(logits, label_maps, valid, list(parts.values()))
            for (name, part), value in zip(parts.items(), values, strict=True):
                terms[name] = part.weight * value
        return terms


@full_precision
def pixel_cross_entropy(
    logits: Tensor,
    label_maps: Tensor,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Mean cross-entropy over the pixels that have a label; 0 where none has.

    Equal to upsampling the logits bilinearly to the size of the labels.

    Args:
        logits: (B, K, h, w).
        label_maps: (B, H, W), -1 where a pixel has no label.
        class_weight: (K,) weights of the pixels of each class; None for 1 each.
    """
    if class_weight is None:
        table, norm = None, (label_maps >= 0).sum().clamp(min=1)
    else:
        table = torch.cat([class_weight.to(logits), logits.new_zeros(1)])  # [-1] is 0
        norm = table[label_maps].sum().clamp(min=1e-12)
    tile = tile_size(logits.device)
    total = _StreamedCrossEntropy.apply(logits, label_maps, tile, table)
    return total / norm.to(total)


def _class_mask_losses(
    logits: Tensor,
    label_maps: Tensor,
    valid: Sequence[Tensor | None],
    losses: Sequence[MaskLoss],
) -> Tensor:
    """(T,) mean over images and classes of unweighted mask losses."""
    classes = torch.arange(logits.shape[1], device=logits.device)
    values = []
    for image, label_map, inside in zip(logits, label_maps, valid, strict=True):
        regions = SegmentTargets(classes, label_map, classes, inside)
        values.append(mask_losses(image[:, None], classes, regions, losses))
    return torch.cat(values, dim=1).mean(dim=(1, 2))


class _StreamedCrossEntropy(torch.autograd.Function):
    """Forward computes the sum and its gradient on the grid; backward scales."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        label_maps: Tensor,
        tile: int,
        table: Tensor | None,
    ) -> Tensor:
        """The weighted sum of the cross-entropies of all pixels."""
        total = logits.new_zeros(())
        grads = torch.zeros_like(logits) if ctx.needs_input_grad[0] else None
        size = map_size(label_maps)
        step = max(1, tile // (logits.shape[1] * size[1]))
        for image, labels in enumerate(label_maps):
            for start in range(0, size[0], step):
                rows = (start, min(start + step, size[0]))
                upsampled = resize_rows(logits[image], size, rows)
                value, grad = _cross_entropy(upsampled, labels[slice(*rows)], table)
                total += value
                if grads is not None:
                    add_rows_transposed(grads[image], grad, size, rows)
        ctx.save_for_backward(grads)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_total: Tensor) -> tuple[Tensor | None, ...]:
        """Gradient by the logits, (B, K, h, w)."""
        (grads,) = ctx.saved_tensors
        return grad_total * grads, None, None, None


def _cross_entropy(
    logits: Tensor, labels: Tensor, table: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Weighted sum over pixels, and its gradient.

    Args:
        logits: (K, rows, W).
        labels: (rows, W), -1 for none.
        table: (K + 1,) weights by label, the last of none; None for 1 each.
    """
    weight = labels >= 0 if table is None else table[labels]
    place = labels.clamp(min=0)[None]
    largest = logits.amax(dim=0, keepdim=True)
    chosen = logits.gather(0, place)
    exp = logits.sub_(largest).exp_()  # logits are ours to overwrite
    norm = exp.sum(dim=0, keepdim=True)
    nll = norm.log() + largest - chosen
    grad = exp.div_(norm).scatter_add_(0, place, torch.full_like(nll, -1))
    return (nll[0] * weight).sum(), grad.mul_(weight)
