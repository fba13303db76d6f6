"""Tables of matching costs on the CPU: copied, mended and solved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def to_numpy(costs: Sequence[Tensor]) -> list[np.ndarray]:
    """All cost tensors in one device-to-host copy."""
    flat = torch.cat([cost.flatten() for cost in costs]).cpu().numpy()
    ends = np.cumsum([cost.numel() for cost in costs])[:-1]
    parts = np.split(flat, ends)
    return [p.reshape(c.shape) for p, c in zip(parts, costs, strict=True)]


def worse(table: np.ndarray, bad: np.ndarray) -> float:
    """Return a cost above those of a table that are not ``bad``."""
    finite = np.abs(table[~bad])
    return 2 * float(finite.max()) + 1 if finite.size else 1.0


def solve(table: np.ndarray) -> np.ndarray:
    """(L, Q, G) costs to (2, L, n) pairs, in ascending order of segments."""
    layers = []
    for cost in table:
        segments, queries = linear_sum_assignment(cost.T)
        layers.append((queries, segments))
    return np.asarray(layers, dtype=np.int64).transpose(1, 0, 2)
