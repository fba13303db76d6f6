"""Losses of masks (paper section 3.3, appendix A).

A mask loss is a formula, not an autograd graph: it returns its value and its
gradient with respect to the full-resolution logits, and :func:`mask_losses` streams
a few masks at a time through it. Only gradients on the stride-4 grid are kept.

Shapes: S segments of one image, R predictions of each (one per supervised layer).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .layers import check_not_negative, check_positive, softplus
from .match_costs import BCECost, DiceCost, FocalCost, MatchCost
from .resize import resize, resize_transposed
from .signed_logits import SignedLogits, pixel_sum
from .structures import at_least_float32, map_size
from .targets import SegmentTargets

# Elements of one streamed chunk: what fits the cache of a CPU, or fills a GPU; larger
# ones took 5 to 10 % less time on an H200, and twice the memory.
_CHUNK = {"cpu": 1 << 19, "cuda": 1 << 24}


class MaskLoss(nn.Module):
    """A loss of each predicted mask against its segment.

    Args:
        weight: factor in the total loss and in the matching cost.
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        check_not_negative(weight=weight)
        self.weight = weight

    def value_and_grad(self, signed: SignedLogits) -> tuple[Tensor, Tensor]:
        """Unweighted values (S, R) and gradients by the logits (S, R, H, W)."""
        raise NotImplementedError

    def match_cost(self) -> MatchCost:
        """The matching cost of the same formula and weight."""
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
        check_not_negative(alpha=alpha, one_minus_alpha=1 - alpha, gamma=gamma)
        self.alpha = alpha
        self.gamma = gamma

    def value_and_grad(self, signed: SignedLogits) -> tuple[Tensor, Tensor]:
        """See :meth:`MaskLoss.value_and_grad`."""
        balance = signed.on * (2 * self.alpha - 1) + (1 - self.alpha)
        weight = balance if signed.doubt is None else balance * (1 - signed.doubt)
        weight = signed.only_valid(weight) / signed.num_pixels
        value, slope = self._of_answer(
            weight, signed.wrong, signed.right, signed.cross_entropy
        )
        grad = slope.mul_(weight * signed.sign)
        if signed.doubt is not None:
            weight = (1 - balance) * signed.doubt / signed.num_pixels
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
        """See :meth:`MaskLoss.match_cost`."""
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
        value = pixel_sum(signed.only_valid(loss)) / signed.num_pixels
        return value, slope * (signed.only_valid(signed.sign) / signed.num_pixels)

    def match_cost(self) -> BCECost:
        """See :meth:`MaskLoss.match_cost`."""
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
        area = pixel_sum(signed.on)  # (S, 1)
        # (S, R): sums of 1 - p on the segment, of p off it
        missed = pixel_sum(signed.wrong * signed.on)
        surplus = pixel_sum(signed.only_valid(signed.wrong)) - missed
        overlap, total = area - missed, surplus + 2 * area - missed
        if signed.doubt is not None:
            overlap = overlap + pixel_sum(signed.doubt * (signed.wrong - signed.on))
            total = total + pixel_sum(signed.doubt * signed.sign)
        numerator, denominator = 2 * overlap + self.smooth, total + self.smooth
        slope = signed.target * (-2 / denominator)[..., None, None]
        slope += signed.only_valid((numerator / denominator**2)[..., None, None])
        slope *= signed.wrong
        return 1 - numerator / denominator, slope.mul_(signed.right)

    def match_cost(self) -> DiceCost:
        """See :meth:`MaskLoss.match_cost`."""
        return DiceCost(weight=self.weight, smooth=self.smooth)


def mask_losses(
    logits: Tensor,
    segments: Tensor,
    targets: SegmentTargets,
    losses: Sequence[MaskLoss],
    chunk: int | None = None,
) -> Tensor:
    """Unweighted mask losses at the resolution of the targets.

    Args:
        logits: (S, R, h, w); upsampled bilinearly, a chunk at a time.
        segments: (S,) the segment, 0..G-1, that each row of logits belongs to.
        targets: of one image.
        losses: T loss formulas.
        chunk: elements upsampled at a time; default by device.

    Returns:
        (T, S, R) values in float32 or float64; each is differentiable on its own.
    """
    chunk = chunk or _CHUNK.get(logits.device.type, _CHUNK["cuda"])
    with torch.autocast(device_type=logits.device.type, enabled=False):
        return _StreamedMaskLosses.apply(
            at_least_float32(logits), segments, targets, tuple(losses), chunk
        )


class _StreamedMaskLosses(torch.autograd.Function):
    """Forward computes values and stride-4 gradients; backward scales and adds."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        segments: Tensor,
        targets: SegmentTargets,
        losses: tuple[MaskLoss, ...],
        chunk: int,
    ) -> Tensor:
        """(T, S, R) values; see :func:`mask_losses`."""
        values = logits.new_empty(len(losses), *logits.shape[:2])
        training = ctx.needs_input_grad[0]
        grads = logits.new_empty(len(losses), *logits.shape) if training else None
        grid = map_size(logits)
        for rows, layers, signed in _chunks(logits, segments, targets, chunk):
            for index, loss in enumerate(losses):
                value, grad = loss.value_and_grad(signed)
                values[index, rows, layers] = value
                if grads is not None:
                    small = resize_transposed(grad.flatten(0, 1), grid)
                    grads[index, rows, layers] = small.unflatten(0, value.shape)
        ctx.save_for_backward(grads)
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_values: Tensor) -> tuple[Tensor | None, ...]:
        """Gradient by the logits, (S, R, h, w)."""
        (grads,) = ctx.saved_tensors
        with torch.autocast(grads.device.type, enabled=False):
            grad_logits = torch.einsum("tsr,tsrhw->srhw", grad_values, grads)
        return grad_logits, None, None, None, None


def _chunks(
    logits: Tensor, segments: Tensor, targets: SegmentTargets, chunk: int
) -> Iterator[tuple[slice, slice, SignedLogits]]:
    """Slices of rows and layers and their full-resolution logits.

    A chunk has at most ``chunk`` pixels, or one mask.
    """
    num_layers = logits.shape[1]
    num_masks = max(1, chunk // (targets.size[0] * targets.size[1]))
    row_step, layer_step = max(1, num_masks // num_layers), min(num_masks, num_layers)
    valid = None if targets.valid is None else targets.valid.to(logits.dtype)
    for row in range(0, len(segments), row_step):
        rows = slice(row, row + row_step)
        masks = targets.masks(segments[rows])[:, None]
        target, soft = masks.to(logits.dtype), masks.is_floating_point()
        for layer in range(0, num_layers, layer_step):
            layers = slice(layer, layer + layer_step)
            upsampled = resize(logits[rows, layers], targets.size)
            yield rows, layers, SignedLogits(upsampled, target, valid, soft)
