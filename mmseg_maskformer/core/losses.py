"""Losses of masks (paper section 3.3, appendix A).

A mask loss is a formula, not an autograd graph: it returns its value and its
gradient with respect to the full-resolution logits, and :func:`mask_losses` streams
a few masks at a time through it. Only gradients on the masks' grid are kept.

Shapes: S segments of one image, R predictions of each (one per supervised layer).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .argument_checks import check_fraction, check_not_negative, check_positive
from .layers import softplus
from .match_costs import BCECost, DiceCost, FocalCost, MatchCost
from .precision import full_precision, without_autocast
from .resize import resize, resize_transposed
from .signed_logits import SignedLogits, pixel_sum
from .structures import map_size
from .targets import SegmentTargets
from .tiling import of_device

# Elements of one streamed chunk: what fits the cache of a CPU, or fills a GPU; larger
# ones took 5 to 10 % less time on an H200, and twice the memory.
_CHUNK = {"cpu": 1 << 19, "cuda": 1 << 24}


class MatchedLoss(nn.Module):
    """A loss of pairs of a query and a segment.

    Args:
        weight: factor in the total loss and in the matching cost.
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        check_not_negative(weight=weight)
        self.weight = weight

    def match_cost(self) -> MatchCost:
        """The matching cost of the same formula and weight.

        It is asked for where the assigner is given no costs.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no match_cost; write one, or set "
            "criterion.assigner.costs."
        )


class MaskLoss(MatchedLoss):
    """A loss of each predicted mask against its segment."""

    def value_and_grad(self, signed: SignedLogits) -> tuple[Tensor, Tensor]:
        """Unweighted values (S, R) and gradients by the logits (S, R, H, W)."""
        raise NotImplementedError

    def forward(self, logits: Tensor, masks: Tensor) -> Tensor:
        """Weighted mean over masks of logits (S, H, W).

        Args:
            logits: (S, H, W).
            masks: (S, H, W), boolean or numbers between 0 and 1.
        """
        labels = torch.zeros(len(masks), dtype=torch.long, device=masks.device)
        targets = SegmentTargets.from_masks(labels, masks)
        segments = torch.arange(len(masks), device=masks.device)
        values = mask_losses(logits[:, None], segments, targets, [self])
        return self.weight * values.sum() / max(len(masks), 1)


class FocalMaskLoss(MaskLoss):
    """Focal loss (Lin et al. 2017, Eqn. 5), mean over the pixels of a mask.

    A soft target t takes t of the loss on the segment and 1 - t of that off it.

    Args:
        weight: factor in the total loss and in the matching cost.
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

    def value_and_grad(self, signed: SignedLogits) -> tuple[Tensor, Tensor]:
        """See :meth:`MaskLoss.value_and_grad`."""
        balance = signed.on * (2 * self.alpha - 1) + (1 - self.alpha)
        weight = balance if signed.doubt is None else balance * (1 - signed.doubt)
        weight = signed.mean_share(weight)
        value, slope = self._of_answer(
            weight, signed.wrong, signed.right, signed.cross_entropy
        )
        grad = slope.mul_(weight * signed.sign)
        if signed.doubt is not None:
            weight = signed.mean_share((1 - balance) * signed.doubt)
            nll = softplus(-signed.z, signed.right, signed.wrong)
            other, slope = self._of_answer(weight, signed.right, signed.wrong, nll)
            value += other
            grad -= slope.mul_(weight * signed.sign)
        return value, grad

    def _of_answer(
        self, weight: Tensor, wrong: Tensor, right: Tensor, nll: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What one answer costs: weighted values (S, R), slopes by its wrong logit."""
        modulation = wrong**self.gamma
        loss = modulation * nll
        value = pixel_sum(loss * weight)
        slope = modulation.mul_(wrong)
        return value, slope.addcmul_(loss, right, value=self.gamma)

    def match_cost(self) -> FocalCost:
        """See :meth:`MatchedLoss.match_cost`."""
        return FocalCost(weight=self.weight, alpha=self.alpha, gamma=self.gamma)


class BCEMaskLoss(MaskLoss):
    """Binary cross-entropy, mean over the pixels of a mask.

    Args:
        weight: factor in the total loss and in the matching cost.
    """

    def __init__(self, weight: float = 5.0) -> None:
        super().__init__(weight)

    def value_and_grad(self, signed: SignedLogits) -> tuple[Tensor, Tensor]:
        """See :meth:`MaskLoss.value_and_grad`."""
        loss, slope = signed.cross_entropy, signed.wrong
        if signed.doubt is not None:
            loss, slope = loss - signed.doubt * signed.z, slope - signed.doubt
        return signed.mean(loss), slope * signed.mean_share(signed.sign)

    def match_cost(self) -> BCECost:
        """See :meth:`MatchedLoss.match_cost`."""
        return BCECost(weight=self.weight)


class DiceLoss(MaskLoss):
    """1 - (2 sum(pt) + s) / (sum(p) + sum(t) + s) of each mask (paper appendix A).

    Args:
        weight: factor in the total loss and in the matching cost.
        smooth: s, keeps empty masks finite.
    """

    def __init__(self, weight: float = 1.0, smooth: float = 1.0) -> None:
        super().__init__(weight)
        check_positive(smooth=smooth)
        self.smooth = smooth

    def value_and_grad(self, signed: SignedLogits) -> tuple[Tensor, Tensor]:
        """See :meth:`MaskLoss.value_and_grad`."""
        on = signed.only_valid(signed.on)
        area = pixel_sum(on)  # (S, R or 1)
        # (S, R): sums of 1 - p on the segment, of p off it
        missed = pixel_sum(signed.wrong * on)
        surplus = pixel_sum(signed.only_valid(signed.wrong)) - missed
        overlap, total = area - missed, surplus + 2 * area - missed
        if signed.doubt is not None:
            doubt = signed.only_valid(signed.doubt)
            overlap = overlap + pixel_sum(doubt * (signed.wrong - signed.on))
            total = total + pixel_sum(doubt * signed.sign)
        numerator, denominator = 2 * overlap + self.smooth, total + self.smooth
        slope = signed.only_valid(signed.target) * (-2 / denominator)[..., None, None]
        slope += signed.only_valid((numerator / denominator**2)[..., None, None])
        slope *= signed.wrong
        return 1 - numerator / denominator, slope.mul_(signed.right)

    def match_cost(self) -> DiceCost:
        """See :meth:`MatchedLoss.match_cost`."""
        return DiceCost(weight=self.weight, smooth=self.smooth)


@full_precision
def mask_losses(
    logits: Tensor,
    segments: Tensor,
    targets: SegmentTargets,
    losses: Sequence[MaskLoss],
) -> Tensor:
    """Unweighted mask losses at the resolution of the targets.

    Args:
        logits: (S, R, h, w); upsampled bilinearly, a chunk at a time.
        segments: (S,) the segment, 0..G-1, that each row of logits belongs to.
        targets: of one image.
        losses: T loss formulas.

    Returns:
        (T, S, R) values in float32 or float64; each is differentiable on its own.
    """
    chunks = partial(_full_size, segments=segments, targets=targets)
    return streamed(logits, losses, chunks)


class Chunk(NamedTuple):
    """Some of the masks (S, R), as full as they are compared."""

    rows: slice
    layers: slice
    signed: SignedLogits
    to_grid: Callable[[Tensor], Tensor]  # gradients as the logits to (s, r, h, w)


def streamed(
    logits: Tensor,
    losses: Sequence[MaskLoss],
    chunks: Callable[[Tensor], Iterator[Chunk]],
) -> Tensor:
    """(T, S, R) values of T losses; gradients are computed with them.

    Args:
        logits: (S, R, h, w).
        losses: T loss formulas.
        chunks: of logits without gradient, all masks a few at a time.
    """
    return _StreamedMaskLosses.apply(logits, tuple(losses), chunks)


class _StreamedMaskLosses(torch.autograd.Function):
    """Forward computes values and gradients on the grid; backward scales and adds."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        losses: tuple[MaskLoss, ...],
        chunks: Callable[[Tensor], Iterator[Chunk]],
    ) -> Tensor:
        """(T, S, R) values; see :func:`streamed`."""
        values = logits.new_empty(len(losses), *logits.shape[:2])
        training = ctx.needs_input_grad[0]
        grads = logits.new_empty(len(losses), *logits.shape) if training else None
        for rows, layers, signed, to_grid in chunks(logits):
            for index, loss in enumerate(losses):
                value, grad = loss.value_and_grad(signed)
                values[index, rows, layers] = value
                if grads is not None:
                    grads[index, rows, layers] = to_grid(grad)
        ctx.save_for_backward(grads)
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_values: Tensor) -> tuple[Tensor | None, ...]:
        """Gradient by the logits, (S, R, h, w)."""
        (grads,) = ctx.saved_tensors
        with without_autocast(grads.device):
            grad_logits = torch.einsum("tsr,tsrhw->srhw", grad_values, grads)
        return grad_logits, None, None


def slices(logits: Tensor, num_masks: int) -> Iterator[tuple[slice, slice]]:
    """Slices of the rows and layers of (S, R, ...), some masks at a time."""
    (num_rows, num_layers), num_masks = logits.shape[:2], max(1, num_masks)
    row_step, layer_step = max(1, num_masks // num_layers), min(num_masks, num_layers)
    for row in range(0, num_rows, row_step):
        for layer in range(0, num_layers, layer_step):
            yield slice(row, row + row_step), slice(layer, layer + layer_step)


def _full_size(
    logits: Tensor, segments: Tensor, targets: SegmentTargets
) -> Iterator[Chunk]:
    """Upsampled masks, as many as fill a chunk, or one."""
    grid = map_size(logits)
    valid = None if targets.valid is None else targets.valid.to(logits.dtype)
    area = targets.size[0] * targets.size[1]
    num_masks = of_device(_CHUNK, logits.device) // area
    made: slice | None = None
    for rows, layers in slices(logits, num_masks):
        if rows != made:  # the layers of a row come one after the other
            masks, made = targets.masks(segments[rows])[:, None], rows
            target, soft = masks.to(logits.dtype), masks.is_floating_point()
        signed = SignedLogits(
            resize(logits[rows, layers], targets.size), target, valid, soft
        )
        yield Chunk(rows, layers, signed, partial(_shrunk, size=grid))


def _shrunk(grad: Tensor, size: tuple[int, int]) -> Tensor:
    small = resize_transposed(grad.flatten(0, 1), size)
    return small.unflatten(0, grad.shape[:2])
