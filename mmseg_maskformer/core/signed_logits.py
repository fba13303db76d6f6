"""Mask logits beside the target, with what mask losses share."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from .layers import softplus


class SignedLogits:
    """Mask logits as seen from the right answer, with what the losses share.

    ``z`` is the logit of the wrong answer: x off the segment, -x on it. So
    ``wrong = sigmoid(z)`` is the probability of the wrong answer and ``softplus(z)``
    the binary cross-entropy. Where the target is soft, the right answer is the
    nearer one and ``doubt`` is what the target gives to the other.

    Args:
        logits: (S, R, H, W).
        target: (S, R or 1, H, W) in 0..1.
        valid: how much a pixel counts, 0..1, (H, W) or as the logits; None where all
            count alike.
        soft: whether there may be targets other than 0 and 1.

    Attributes:
        on: as the target, 1 where on the segment is the right answer, else 0.
        doubt: as the target, in 0..0.5; None without soft targets.
        sign: -1 where ``on`` is 1, else 1.
    """

    def __init__(
        self,
        logits: Tensor,
        target: Tensor,
        valid: Tensor | None,
        soft: bool = False,
    ) -> None:
        self.target = self.on = target
        self.doubt: Tensor | None = None
        if soft:
            self.on = (target >= 0.5).to(logits.dtype)
            self.doubt = (target - self.on).abs()
        self.valid = valid
        self.sign = 1 - 2 * self.on
        self.z = logits * self.sign
        self.wrong = self.z.sigmoid()
        self.right = 1 - self.wrong

    @cached_property
    def cross_entropy(self) -> Tensor:
        """(S, R, H, W) minus the logarithm of the right answer's probability."""
        return softplus(self.z, self.wrong, self.right)

    def only_valid(self, x: Tensor) -> Tensor:
        """``x`` (S, R or 1, H, W) times how much each pixel counts."""
        return x if self.valid is None else x * self.valid

    def mean_share(self, x: Tensor) -> Tensor:
        """What each pixel adds to the mean over the pixels that count.

        ``x`` and the result are (S, R or 1, H, W).
        """
        if self.valid is None:
            return x / self.z[0, 0].numel()
        counted = self.valid.sum(dim=(-2, -1), keepdim=True).clamp(min=1)
        return x * self.valid / counted

    def mean(self, x: Tensor) -> Tensor:
        """(S, R) mean of ``x`` over the pixels that count."""
        if self.valid is None:
            return pixel_sum(x) / self.z[0, 0].numel()
        counted = pixel_sum(self.valid).clamp(min=1)
        return pixel_sum(x * self.valid) / counted


def pixel_sum(x: Tensor) -> Tensor:
    """Sum of (..., H, W) over the pixels."""
    return x.sum(dim=(-2, -1))
