"""Bilinear resizing (half-pixel centres) as two banded matrix products.

Resizing is linear, so its gradient is the transposed product. The native backward
is slow on the CPU and not deterministic on CUDA; these products are neither.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

_CPU_BLOCK = 32  # inputs per band; a GPU multiplies the whole matrix faster


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear resize of (N, C, h, w) to (N, C, H, W), align_corners off."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def resize_transposed(x: Tensor, size: tuple[int, int]) -> Tensor:
    """The transpose of :func:`resize`: gradients (n, H, W) back to (n, h, w)."""
    x = _transposed_columns(x.flatten(0, 1), size[1]).view(*x.shape[:2], size[1])
    out = x.new_zeros(len(x), *size)
    for narrow, wide, weights in _bands(size[0], x.shape[1], x.dtype, x.device):
        out[:, narrow] = weights.T @ x[:, wide]
    return out


def _transposed_columns(x: Tensor, n_in: int) -> Tensor:
    """(m, W) gradients to (m, w)."""
    out = x.new_zeros(len(x), n_in)
    for narrow, wide, weights in _bands(n_in, x.shape[1], x.dtype, x.device):
        out[:, narrow] = x[:, wide] @ weights
    return out


@lru_cache(maxsize=64)
def _bands(
    n_in: int, n_out: int, dtype: torch.dtype, device: torch.device
) -> list[tuple[slice, slice, Tensor]]:
    """Blocks of inputs, the outputs that each touches, and the weights between."""
    identity = torch.eye(n_in, dtype=dtype)[None]
    matrix = F.interpolate(identity, size=n_out, mode="linear")[0].T  # (n_out, n_in)
    step = _CPU_BLOCK if device.type == "cpu" else n_in
    bands = []
    for start in range(0, n_in, step):
        narrow = slice(start, min(start + step, n_in))
        touched = matrix[:, narrow].any(dim=1).nonzero().flatten()
        if len(touched):
            wide = slice(int(touched[0]), int(touched[-1]) + 1)
            weights = matrix[wide, narrow].contiguous().to(device)
            bands.append((narrow, wide, weights))
    return bands


class Taps:
    """The two source cells of each target cell start..stop-1 and their mixture.

    Args:
        n_in: number of source cells.
        n_out: number of target cells.
        start: first target cell.
        stop: one past the last.
        device: of the indices.
    """

    def __init__(
        self, n_in: int, n_out: int, start: int, stop: int, device: torch.device
    ) -> None:
        cells = torch.arange(start, stop, dtype=torch.float32, device=device)
        source = ((cells + 0.5) * (n_in / n_out) - 0.5).clamp(min=0)
        self.low = source.long().clamp(max=n_in - 1)
        self.high = (self.low + 1).clamp(max=n_in - 1)
        self.fraction = source - self.low

    def __call__(self, x: Tensor, dim: int, offset: int = 0) -> Tensor:
        """Interpolate ``x`` along ``dim``, whose first cell is number ``offset``."""
        low = x.index_select(dim, self.low - offset)
        high = x.index_select(dim, self.high - offset)
        shape = [1] * x.dim()
        shape[dim] = -1
        return torch.lerp(low, high, self.fraction.view(shape).to(x.dtype))


def source_range(n_in: int, n_out: int, start: int, stop: int) -> tuple[int, int]:
    """The first and last source cell that target cells start..stop-1 read."""
    taps = Taps(n_in, n_out, start, stop, torch.device("cpu"))
    return int(taps.low[0]), int(taps.high[-1])


def resize_rows(x: Tensor, size: tuple[int, int], start: int, stop: int) -> Tensor:
    """Rows start..stop-1 of ``resize(x, size)``: (N, h, w) to (N, stop - start, W)."""
    rows = Taps(x.shape[1], size[0], start, stop, x.device)(x, dim=1)
    return resize(rows[None], (stop - start, size[1]))[0]
