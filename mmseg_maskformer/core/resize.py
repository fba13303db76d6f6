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

_CPU_BLOCK = 32  # inputs per block; a GPU multiplies the whole matrix faster


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
    x = transpose_columns(x.flatten(0, 1), size[1]).view(*x.shape[:2], size[1])
    out = x.new_empty(len(x), *size)
    for narrow, wide, weights in _blocks(size[0], x.shape[1], x.dtype, x.device):
        out[:, narrow] = weights.T @ x[:, wide]
    return out


def transpose_columns(x: Tensor, n_in: int) -> Tensor:
    """The part of :func:`resize_transposed` along rows: (m, W) to (m, w)."""
    out = x.new_empty(len(x), n_in)
    for narrow, wide, weights in _blocks(n_in, x.shape[1], x.dtype, x.device):
        torch.mm(x[:, wide], weights, out=out[:, narrow])
    return out


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # what is kept may meet gradients later
def _blocks(
    n_in: int, n_out: int, dtype: torch.dtype, device: torch.device
) -> list[tuple[slice, slice, Tensor]]:
    """Blocks of inputs, the outputs that each touches, and the weights between."""
    identity = torch.eye(n_in, dtype=dtype)[None]
    matrix = F.interpolate(identity, size=n_out, mode="linear")[0].T  # (n_out, n_in)
    step = _CPU_BLOCK if device.type == "cpu" else n_in
    blocks = []
    for start in range(0, n_in, step):
        narrow = slice(start, min(start + step, n_in))
        touched = matrix[:, narrow].any(dim=1).nonzero().flatten().tolist() or [0]
        wide = slice(touched[0], touched[-1] + 1)
        weights = matrix[wide, narrow].contiguous().to(device)
        blocks.append((narrow, wide, weights))
    return blocks
