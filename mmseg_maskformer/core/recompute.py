"""What is cheap to compute again is not kept for backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

T = TypeVar("T")


def recomputed(
    function: Callable[..., T], *inputs: Tensor, draws_numbers: bool = False
) -> T:
    """``function(*inputs)``; backward keeps the inputs and computes the rest again.

    Args:
        function: of tensors; has no side effect.
        inputs: its arguments.
        draws_numbers: whether it has dropout, which must be the same again.
    """
    if not torch.is_grad_enabled():
        return function(*inputs)
    return checkpoint(
        function, *inputs, use_reentrant=False, preserve_rng_state=draws_numbers
    )
