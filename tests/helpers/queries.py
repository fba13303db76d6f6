"""Class and mask logits of queries."""

from __future__ import annotations

import torch

TILES = [1, 3001, 10**8]
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


def batch_outputs(grid, num_classes=7, num_queries=9, images=1, seed=0):
    """Class logits (B, Q, K+1) and mask logits (B, Q, h, w) in float64."""
    generator = torch.Generator().manual_seed(seed)
    shape = (images, num_queries)
    class_logits = torch.randn(*shape, num_classes + 1, generator=generator)
    mask_logits = 4 * torch.randn(*shape, *grid, generator=generator)
    return 2 * class_logits.double(), mask_logits.double()


def assert_labels_equal(labels, scores):
    """Every label is the best of the scores; ties within float32 rounding allowed."""
    assert labels.shape == scores.shape[1:]
    chosen = scores.gather(0, labels[None].long())[0]
    best = scores.max(0).values
    assert (best - chosen).max() < 2e-6
    same = (labels == scores.argmax(0)).double().mean()
    assert same > 0.999
