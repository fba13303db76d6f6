"""Nearest and bilinear resizing (half-pixel centres), with its transpose.

Bilinear resizing is two banded matrix products, so its gradient is the transposed
ones. The native backward is slow on the CPU and not deterministic on CUDA; these
products are neither.
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


def resize_nearest(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Nearest-neighbour resize of maps (..., H, W)."""
    height, width = maps.shape[-2:]
    rows = _nearest_index(height, size[0], maps.device)
    columns = _nearest_index(width, size[1], maps.device)
    return maps[..., rows[:, None], columns]


def _nearest_index(n_in: int, n_out: int, device: torch.device) -> Tensor:
    """The source index of each target cell, in torch's own rounding."""
    line = torch.arange(n_in, dtype=torch.float32, device=device)
    return F.interpolate(line[None, None], size=n_out, mode="nearest")[0, 0].long()


def resize_transposed(x: Tensor, size: tuple[int, int]) -> Tensor:
    """The transpose of :func:`resize`: gradients (n, H, W) back to (n, h, w)."""
    x = _transposed_columns(x.flatten(0, 1), size[1]).view(*x.shape[:2], size[1])
    out = x.new_empty(len(x), *size)
    for narrow, wide, weights in _bands(size[0], x.shape[1], x.dtype, x.device):
        out[:, narrow] = weights.T @ x[:, wide]
    return out


def _transposed_columns(x: Tensor, n_in: int) -> Tensor:
    """(m, W) gradients to (m, w)."""
    out = x.new_empty(len(x), n_in)
    for narrow, wide, weights in _bands(n_in, x.shape[1], x.dtype, x.device):
        torch.mm(x[:, wide], weights, out=out[:, narrow])
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
        touched = matrix[:, narrow].any(dim=1).nonzero().flatten().tolist() or [0]
        wide = slice(touched[0], touched[-1] + 1)
        weights = matrix[wide, narrow].contiguous().to(device)
        bands.append((narrow, wide, weights))
    return bands


def resize_rows(
    x: Tensor,
    size: tuple[int, int],
    rows: tuple[int, int],
    height: int | None = None,
    first: int = 0,
) -> Tensor:
    """Some rows of :func:`resize`, made without the others.

    Args:
        x: (N, h, w), or rows of it that begin with row ``first``.
        size: of the whole result.
        rows: first and one past the last row wanted.
        height: h, where ``x`` does not hold all rows.
        first: number of the first row that ``x`` holds.

    Returns:
        (N, rows, W).
    """
    used, low, high, fraction = _mixture(height or x.shape[1], size[0], rows, x.device)
    # widths first: few source rows are stretched, and every row is mixed of two of them
    wide = _widened(x.index_select(1, used - first), size[1])
    mixed = wide.index_select(1, low), wide.index_select(1, high)
    return torch.lerp(*mixed, fraction.to(x.dtype))


def _widened(x: Tensor, width: int) -> Tensor:
    """(N, rows, w) to (N, rows, W)."""
    if x.device.type == "cpu":
        return F.interpolate(x, width, mode="linear")
    # equal numbers; the linear kernel of CUDA long had one thread for a whole column
    return F.interpolate(x[None], (x.shape[1], width), mode="bilinear")[0]


@lru_cache(maxsize=1024)
def _mixture(
    n_in: int, n_out: int, rows: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Source rows that target rows need, which two of these each one needs, the share.

    Kept, since making and sending them would stop a GPU at every band.
    """
    low, high, fraction = _taps(n_in, n_out, rows)
    used, place = torch.cat([low, high]).unique(return_inverse=True)
    low, high = place.to(device).chunk(2)
    return used.to(device), low, high, fraction[:, None].to(device)


def resize_rows_transposed(
    x: Tensor, size_in: tuple[int, int], size: tuple[int, int], rows: tuple[int, int]
) -> Tensor:
    """The transpose of :func:`resize_rows`: gradients of some rows to all inputs.

    Args:
        x: (N, rows, W).
        size_in: h and w.
        size: H and W of the whole result.
        rows: first and one past the last row that ``x`` holds.

    Returns:
        (N, h, w), zero where no row reaches.
    """
    weights = _row_weights(size_in[0], size[0], rows, x.dtype, x.device)
    narrow = _transposed_columns(x.flatten(0, 1), size_in[1])
    return weights @ narrow.view(*x.shape[:2], size_in[1])


@lru_cache(maxsize=256)
def _row_weights(
    n_in: int,
    n_out: int,
    rows: tuple[int, int],
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """(n_in, rows) share of every input row in some rows of the result."""
    low, high, fraction = _taps(n_in, n_out, rows)
    weights = torch.zeros(len(low), n_in)
    weights.scatter_add_(1, low[:, None], 1 - fraction[:, None])
    weights.scatter_add_(1, high[:, None], fraction[:, None])
    return weights.T.to(device=device, dtype=dtype)


def source_rows(n_in: int, n_out: int, rows: tuple[int, int]) -> tuple[int, int]:
    """First and one past the last source row that target ``rows`` are made of."""
    low, high, _ = _taps(n_in, n_out, rows)
    return int(low[0]), int(high[-1]) + 1


def _taps(
    n_in: int, n_out: int, rows: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """The two source rows of each target row, and the share of the second."""
    cells = torch.arange(*rows, dtype=torch.float32)
    source = ((cells + 0.5) * (n_in / n_out) - 0.5).clamp(min=0)
    low = source.long().clamp(max=n_in - 1)
    return low, (low + 1).clamp(max=n_in - 1), source - low
