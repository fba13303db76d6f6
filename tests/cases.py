"""Random inputs of the criterion, small and deterministic.

Letters as in `reference.py`. Targets come as `(labels, masks)` pairs; `as_targets`
turns them into the package's structures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mmseg_maskformer.core.structures import Predictions
from mmseg_maskformer.core.targets import SegmentTargets


class Case(NamedTuple):
    """Logits and targets of a batch."""

    class_logits: Tensor
    mask_logits: Tensor
    targets: list[tuple[Tensor, Tensor]]


def label_map(
    num_segments: int, size: tuple[int, int], seed: int, void: bool
) -> Tensor:
    """A map (H, W) of segment numbers 0..G-1 around random centres, -1 where void."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.rand(num_segments + int(void), 2, generator=generator)
    rows = (torch.arange(size[0]) + 0.5) / size[0]
    cols = (torch.arange(size[1]) + 0.5) / size[1]
    grid = torch.stack(torch.meshgrid(rows, cols, indexing="ij"), -1)
    nearest = (grid[:, :, None] - centres).norm(dim=-1).argmin(-1)
    return torch.where(nearest == num_segments, -1, nearest)


def target(
    num_segments: int,
    num_classes: int,
    size: tuple[int, int],
    seed: int,
    void: bool = True,
) -> tuple[Tensor, Tensor]:
    """Labels (G,) and disjoint masks (G, H, W) of one image."""
    if num_segments == 0:
        return torch.zeros(0, dtype=torch.long), torch.zeros(0, *size, dtype=torch.bool)
    generator = torch.Generator().manual_seed(seed)
    segments = label_map(num_segments, size, seed, void)
    masks = segments == torch.arange(num_segments)[:, None, None]
    labels = torch.randint(num_classes, (num_segments,), generator=generator)
    return labels, masks


def random_case(
    segments: Sequence[int],
    num_classes: int = 7,
    num_queries: int = 12,
    num_layers: int = 2,
    size: tuple[int, int] = (32, 40),
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Case:
    """A batch of `len(segments)` images, image b with `segments[b]` segments."""
    generator = torch.Generator().manual_seed(seed)
    grid = (-(-size[0] // 4), -(-size[1] // 4))
    shape = (num_layers, len(segments), num_queries)
    class_logits = torch.randn(*shape, num_classes + 1, generator=generator)
    mask_logits = 3 * torch.randn(*shape, *grid, generator=generator)
    targets = [
        target(count, num_classes, size, seed=97 * seed + b)
        for b, count in enumerate(segments)
    ]
    class_logits, mask_logits = class_logits.to(dtype), mask_logits.to(dtype)
    return Case(class_logits.requires_grad_(), mask_logits.requires_grad_(), targets)


def as_predictions(class_logits: Tensor, mask_logits: Tensor) -> Predictions:
    """Predictions whose mask logits are exactly the given ones.

    The mask features are the logits of all layers and queries as channels and each
    embedding is a row of the identity, so the gradient with respect to the features is
    the gradient with respect to the logits.
    """
    layers, images, queries = mask_logits.shape[:3]
    features = mask_logits.transpose(0, 1).flatten(1, 2)
    identity = torch.eye(layers * queries, dtype=mask_logits.dtype)
    embed = identity.view(layers, 1, queries, -1).expand(-1, images, -1, -1)
    return Predictions(class_logits, embed, features[None])


def as_targets(
    targets: Sequence[tuple[Tensor, ...]], names: Sequence[str] | None = None
) -> list[SegmentTargets]:
    """The compact form, an id map, of disjoint masks (third entry: valid pixels)."""
    found = []
    for b, (labels, masks, *rest) in enumerate(targets):
        numbers = torch.arange(1, len(labels) + 1)
        segment_map = (masks * numbers[:, None, None]).sum(0)
        valid = rest[0] if rest else None
        name = names[b] if names else f"image{b}"
        found.append(SegmentTargets(labels, segment_map, numbers, valid, name))
    return found
