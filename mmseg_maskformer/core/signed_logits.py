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
        target: (S, 1, H, W) in 0..1.
        valid: (H, W), 1 where a pixel counts, or None where all do.
        soft: whether there may be targets other than 0 and 1.

    Attributes:
        target: as given, but 0 where a pixel does not count.
        on: (S, 1, H, W), 1 where on the segment is the right answer, else 0.
        doubt: (S, 1, H, W) in 0..0.5; None without soft targets.
        sign: -1 where ``on`` is 1, else 1.
    """

    def __init__(
        self,
        logits: Tensor,
        target: Tensor,
        valid: Tensor | None,
        soft: bool = False,
    ) -> None:
        self.target = self.on = target if valid is None else target * valid
        self.doubt: Tensor | None = None
        if soft:
            self.on = (self.target >= 0.5).to(logits.dtype)
            self.doubt = (self.target - self.on).abs()
        self.valid = valid
        self.num_pixels = (
            logits[0, 0].numel() if valid is None else valid.sum().clamp(min=1)
        )
        self.sign = 1 - 2 * self.on
        self.z = logits * self.sign
        self.wrong = self.z.sigmoid()
        self.right = 1 - self.wrong

    @cached_property
    def cross_entropy(self) -> Tensor:
        """(S, R, H, W) minus the logarithm of the right answer's probability."""
        return softplus(self.z, self.wrong, self.right)

    def only_valid(self, x: Tensor) -> Tensor:
        """``x`` where pixels count, 0 elsewhere."""
        return x if self.valid is None else x * self.valid


def pixel_sum(x: Tensor) -> Tensor:
    """Sum of (..., H, W) over the pixels."""
    return x.sum(dim=(-2, -1))
