"""Class and mask logits of queries."""

from __future__ import annotations

import torch

TILES = [1, 3001, None]
BIG = 20.0  # sigmoid(20) is 1 - 2e-9, of -20 it is 2e-9


def outputs(grid, num_queries=20, num_classes=7, sure=0.7, seed=0):
    """Class logits (Q, K + 1), mask logits (Q, h, w): most queries pass the filter."""
    generator = torch.Generator().manual_seed(seed)
    class_logits = torch.randn(num_queries, num_classes + 1, generator=generator)
    best = torch.randint(num_classes + 1, (num_queries,), generator=generator)
    certain = torch.rand(num_queries, generator=generator) < sure
    class_logits[torch.arange(num_queries), best] += 6.0 * certain
    centres = torch.rand(num_queries, 2, generator=generator)
    rows = torch.linspace(0, 1, grid[0])[:, None]
    columns = torch.linspace(0, 1, grid[1])
    distance = (rows - centres[:, 0, None, None]) ** 2 + (
        columns - centres[:, 1, None, None]
    ) ** 2
    return class_logits, 4.0 - 120.0 * distance.float()
