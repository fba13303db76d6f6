"""Logits and targets of one image, and their losses by the dense formulas."""

from __future__ import annotations

import torch

from tests import cases, reference


def problem(grid, size, num_segments, num_layers=3, valid=False, seed=0):
    """Logits (S, R, h, w) in float64 and the targets of one image."""
    generator = torch.Generator().manual_seed(seed)
    labels, masks = cases.target(num_segments, 5, size, seed=seed)
    logits = torch.randn(
        num_segments, num_layers, *grid, generator=generator, dtype=torch.float64
    )
    inside = torch.rand(size, generator=generator) > 0.3 if valid else None
    (targets,) = cases.as_targets([(labels, masks, inside)])
    return (4 * logits).requires_grad_(), targets, masks, inside


def dense(logits, masks, valid, weights):
    """(2, S, R) unweighted mask and dice terms by the reference."""
    valid = torch.ones(masks.shape[1:], dtype=torch.bool) if valid is None else valid
    upsampled = reference.resize_bilinear(logits, tuple(masks.shape[1:]))
    terms = [reference.mask_term, reference.dice_term]
    return torch.stack([x(upsampled, masks[:, None], valid, weights) for x in terms])
