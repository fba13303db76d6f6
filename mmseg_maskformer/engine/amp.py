"""Mixed precision without a loss scale, for the CPU as well."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper

if TYPE_CHECKING:
    from collections.abc import Iterator


class BFloat16OptimWrapper(OptimWrapper):
    """Train under bfloat16 autocast, on the CPU or on an accelerator.

    mmengine's own ``AmpOptimWrapper`` refuses to work without an accelerator. bfloat16
    has the range of float32, so gradients need no scaling.
    """

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        """Enclose the forward pass of one step."""
        with (
            super().optim_context(model),
            torch.autocast(get_device(), dtype=torch.bfloat16),
        ):
            yield
