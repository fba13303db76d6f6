"""As `reference.py`, for the parts that Mask2Former's paper compares (Table 4).

One image, query, head or cell at a time. Nothing here imports the package.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]


def linear(weights: Weights, name: str, x: Tensor) -> Tensor:
    """A linear layer by name."""
    return weights[f"{name}.weight"] @ x + weights[f"{name}.bias"]


def layer_norm(weights: Weights, name: str, x: Tensor) -> Tensor:
    """LayerNorm of one vector."""
    x = x - x.mean()
    x = x / (x.square().mean() + 1e-5).sqrt()
    return weights[f"{name}.weight"] * x + weights[f"{name}.bias"]


def gaussians(
    weights: Weights, query: Tensor, grid: tuple[int, int], heads: int
) -> list[list[float | Tensor]]:
    """Values (not logarithms) of SMCA's Gaussian of every head at every cell.

    A twelfth of the image is the unit of offsets and of widths; a scale of 2 halves
    the width.
    """
    hidden = linear(weights, "centre.0", query).clamp(min=0)
    hidden = linear(weights, "centre.2", hidden).clamp(min=0)
    centre = 1 / (1 + (-linear(weights, "centre.4", hidden)).exp())
    offsets = linear(weights, "offset", query)
    scales = linear(weights, "scale", query)
    rows = []
    for head in range(heads):
        x, y = (centre[i] + offsets[2 * head + i] / 12 for i in (0, 1))
        wide, high = (1 / 12 / scales[2 * head + i] for i in (0, 1))
        row = []
        for r in range(grid[0]):
            for c in range(grid[1]):
                across = ((c + 0.5) / grid[1] - x) ** 2 / (2 * wide**2)
                down = ((r + 0.5) / grid[0] - y) ** 2 / (2 * high**2)
                row.append((-across - down).exp())
        rows.append(row)
    return rows


def attend(
    weights: Weights,
    x: Tensor,
    x_pos: Tensor,
    memory: Tensor,
    memory_pos: Tensor,
    factors: Sequence[Sequence[Tensor]],
) -> Tensor:
    """Cross-attention of one query (C,) to memory (m, C), with residual and norm.

    `factors` (heads, m) multiply exp(logits) before they are normalised, 0 hides.
    """
    width, heads = len(x), len(factors)
    size = width // heads
    w, b = weights["attention.in_proj_weight"], weights["attention.in_proj_bias"]
    q = w[:width] @ (x + x_pos) + b[:width]
    k = [
        w[width : 2 * width] @ (t + p) for t, p in zip(memory, memory_pos, strict=True)
    ]
    k = [row + b[width : 2 * width] for row in k]
    v = [w[2 * width :] @ t + b[2 * width :] for t in memory]
    parts = []
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        shares = [
            factors[head][i] * (q[own] @ k[i][own] / math.sqrt(size)).exp()
            for i in range(len(memory))
        ]
        total = sum(shares)
        parts.append(sum(s * v[i][own] for i, s in enumerate(shares)) / total)
    found = linear(weights, "attention.out_proj", torch.cat(parts))
    return layer_norm(weights, "norm", x + found)


def pool(weights: Weights, x: Tensor, memory: Tensor, seen: Sequence[bool]) -> Tensor:
    """Mean of the memory (m, C) that a query (C,) sees, linear, residual, norm."""
    chosen = [t for t, s in zip(memory, seen, strict=True) if s]
    found = linear(weights, "linear", sum(chosen) / len(chosen))
    return layer_norm(weights, "norm", x + found)


def group_norm(weights: Weights, name: str, x: Tensor, groups: int) -> Tensor:
    """GroupNorm of maps (C, h, w)."""
    parts = [part - part.mean() for part in x.chunk(groups)]
    parts = [part / (part.square().mean() + 1e-5).sqrt() for part in parts]
    scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return torch.cat(parts) * scale[:, None, None] + shift[:, None, None]


def conv(weights: Weights, name: str, x: Tensor, groups: int = 0) -> Tensor:
    """Convolution of a map (C, h, w), and the norm after it if there are groups."""
    name, norm = (f"{name}.0", f"{name}.1") if groups else (name, "")
    kernel = weights[f"{name}.weight"]
    x = F.conv2d(
        x[None], kernel, weights.get(f"{name}.bias"), padding=kernel.shape[-1] // 2
    )[0]
    return group_norm(weights, norm, x, groups) if groups else x


def nearest(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Cell r of n takes cell floor(r * m / n) of m."""
    rows = [r * x.shape[1] // size[0] for r in range(size[0])]
    columns = [c * x.shape[2] // size[1] for c in range(size[1])]
    return x[:, rows][:, :, columns]


def halved(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Maximum of the 3 x 3 cells around every second cell, unless it has the size."""
    if x.shape[1:] == size:
        return x
    rows = []
    for r in range(0, x.shape[1], 2):
        row = []
        for c in range(0, x.shape[2], 2):
            around = x[:, max(0, r - 1) : r + 2, max(0, c - 1) : c + 2]
            row.append(around.amax((1, 2)))
        rows.append(torch.stack(row, 1))
    return torch.stack(rows, 1)


def bilinear(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Half-pixel bilinear resizing by hat functions, edges continued."""
    for dim, n in ((1, size[0]), (2, size[1])):
        m = x.shape[dim]
        matrix = x.new_zeros(n, m)
        for i in range(n):
            place = min(max((i + 0.5) * m / n - 0.5, 0), m - 1)
            for j in range(m):
                matrix[i, j] = max(0.0, 1 - abs(place - j))
        x = torch.tensordot(matrix, x, ([1], [dim])).movedim(0, dim)
    return x


def pyramid(weights: Weights, features: Sequence[Tensor], groups: int) -> list[Tensor]:
    """Maps of a feature pyramid, coarse to fine, of features fine to coarse."""
    maps = [conv(weights, "coarse_conv", features[-1], groups).clamp(min=0)]
    for level in range(len(features) - 2, -1, -1):
        x = conv(weights, f"lateral_convs.{level}", features[level], groups)
        x = x + nearest(maps[-1], (x.shape[1], x.shape[2]))
        x = conv(weights, f"output_convs.{level}", x, groups)
        maps.append(x.clamp(min=0))
    return maps


def semantic_fpn(
    weights: Weights, features: Sequence[Tensor], groups: int
) -> tuple[Tensor, list[Tensor]]:
    """Mask features, and the memories, of Semantic FPN."""
    fpn = {n.removeprefix("fpn."): x for n, x in weights.items() if n[:4] == "fpn."}
    maps = pyramid(fpn, features, groups)
    total = torch.zeros_like(maps[-1])
    for level, x in enumerate(maps):
        finer = [(y.shape[1], y.shape[2]) for y in maps[level + 1 :]]
        for step in range(max(1, len(finer))):
            x = conv(weights, f"branches.{level}.convs.{step}", x, groups).clamp(min=0)
            if finer:
                x = bilinear(x, finer[step])
        total = total + x
    return conv(fpn, "mask_conv", total), maps[:3]


def node(weights: Weights, name: str, inputs: Sequence[Tensor], groups: int) -> Tensor:
    """BiFPN's fusion of maps of one size."""
    w = [max(0.0, value) for value in weights[f"{name}.weight"].tolist()]
    x = sum(a * b for a, b in zip(w, inputs, strict=True)) / (sum(w) + 1e-4)
    x = x / (1 + (-x).exp())  # Swish
    kernel = weights[f"{name}.depthwise.weight"]
    each = [
        F.conv2d(y[None, None], k[None], padding=1)[0, 0]
        for y, k in zip(x, kernel, strict=True)
    ]
    return conv(weights, f"{name}.pointwise", torch.stack(each), groups)


def bifpn(
    weights: Weights, features: Sequence[Tensor], groups: int, rounds: int
) -> tuple[Tensor, list[Tensor]]:
    """Mask features, and the memories, of BiFPN with four levels a..d, fine to coarse.

    Each size is twice the next, or the same.
    """
    a, b, c, d = (
        conv(weights, f"input_convs.{i}", x, groups) for i, x in enumerate(features)
    )
    for i in range(rounds):

        def fuse(name: str, *inputs: Tensor, i: int = i) -> Tensor:
            return node(weights, f"rounds.{i}.{name}", inputs, groups)

        size = [(x.shape[1], x.shape[2]) for x in (a, b, c, d)]
        c1 = fuse("down.0", c, nearest(d, size[2]))
        b1 = fuse("down.1", b, nearest(c1, size[1]))
        a = fuse("down.2", a, nearest(b1, size[0]))
        b = fuse("up.0", b, b1, halved(a, size[1]))
        c = fuse("up.1", c, c1, halved(b, size[2]))
        d = fuse("up.2", d, halved(c, size[3]))
    return conv(weights, "mask_conv", a), [d, c, b]
