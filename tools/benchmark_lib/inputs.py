"""Inputs that every side gets: label maps, images, query outputs and mask features."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

WIDTH = 256
VOID = 255


class Settings(NamedTuple):
    """What is compared: sizes of the problem and where it runs."""

    size: tuple[int, int]
    batch: int
    classes: int
    segments: int
    queries: int
    layers: int
    device: torch.device
    amp: torch.dtype | None
    seed: int
    kept: int

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the stride-4 grid."""
        return -(-self.size[0] // 4), -(-self.size[1] // 4)

    def autocast(self) -> torch.autocast:
        """Mixed precision as asked for; does nothing without `amp`."""
        dtype = self.amp or torch.bfloat16
        enabled = self.amp is not None
        return torch.autocast(self.device.type, dtype=dtype, enabled=enabled)


def label_maps(settings: Settings) -> Tensor:
    """Label maps (B, H, W): `segments` regions of distinct classes and one void one.

    With more classes than 255 there is no void: that region has the first class. With
    more segments than classes some have a class in common, and are one segment then.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    rows = (torch.arange(settings.size[0]) + 0.5) / settings.size[0]
    cols = (torch.arange(settings.size[1]) + 0.5) / settings.size[1]
    grid = torch.stack(torch.meshgrid(rows, cols, indexing="ij"), -1)
    maps = []
    for _ in range(settings.batch):
        centres = torch.rand(settings.segments + 1, 2, generator=generator)
        labels = torch.randperm(min(settings.classes, VOID), generator=generator)
        rest = VOID if settings.classes <= VOID else 0
        wide = torch.arange(VOID + 1, settings.classes) if rest == 0 else labels[:0]
        labels = torch.cat([labels, wide])  # void is no class to any side
        chosen = labels[torch.arange(settings.segments) % len(labels)]
        labels = torch.cat([chosen, torch.tensor([rest])])
        nearest = torch.cdist(grid.flatten(0, 1), centres).argmin(1)
        maps.append(labels[nearest].view(settings.size))
    return torch.stack(maps).to(settings.device)


def num_things(settings: Settings) -> int:
    """How many of the classes are things: the share of COCO, 80 of 133."""
    return settings.classes * 80 // 133


def images(settings: Settings) -> Tensor:
    """Normalised images (B, 3, H, W)."""
    generator = torch.Generator().manual_seed(settings.seed)
    shape = (settings.batch, 3, *settings.size)
    return torch.randn(shape, generator=generator).to(settings.device)


class Outputs(nn.Module):
    """What the criterion starts from, and the two heads that read it.

    `queries (L, B, Q, C)` are the transformer decoder's normalised outputs and
    `features (B, C, h, w)` the mask features. Under mixed precision the features have
    the low precision that the pixel decoder's last convolution gives them.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        torch.manual_seed(settings.seed)
        queries = torch.randn(settings.layers, settings.batch, settings.queries, WIDTH)
        features = torch.randn(settings.batch, WIDTH, *settings.grid)
        self.queries = nn.Parameter(queries)
        self.features = nn.Parameter(features.to(settings.amp or torch.float32))
        self.class_head = nn.Linear(WIDTH, settings.classes + 1)
        layers = [
            nn.Linear(WIDTH, WIDTH),
            nn.ReLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.ReLU(),
        ]
        self.mask_head = nn.Sequential(*layers, nn.Linear(WIDTH, WIDTH))
        self.to(settings.device)

    def heads(self) -> tuple[Tensor, Tensor]:
        """Class logits (L, B, Q, K+1) and mask embeddings (L, B, Q, C)."""
        return self.class_head(self.queries), self.mask_head(self.queries)


def head_outputs(settings: Settings) -> tuple[Tensor, Tensor, Tensor]:
    """Class logits (B, Q, K+1), embeddings (B, Q, C) and features (B, C, h, w)."""
    generator = torch.Generator().manual_seed(settings.seed)
    shape = (settings.batch, settings.queries)
    class_logits = 2 * torch.randn(*shape, settings.classes + 1, generator=generator)
    embed = torch.randn(*shape, WIDTH, generator=generator) / WIDTH**0.5
    features = torch.randn(settings.batch, WIDTH, *settings.grid, generator=generator)
    device = settings.device
    return class_logits.to(device), embed.to(device), 4 * features.to(device)


def panoptic_outputs(settings: Settings) -> tuple[Tensor, Tensor]:
    """Class logits (B, Q, K+1) and mask logits (B, Q, h, w) on the stride-4 grid.

    The first `kept` queries are sure of a class and hold a blob each, the others are
    sure of "no object".
    """
    generator = torch.Generator().manual_seed(settings.seed)
    shape = (settings.batch, settings.queries)
    class_logits = torch.randn(*shape, settings.classes + 1, generator=generator)
    labels = torch.randint(settings.classes, shape, generator=generator)
    labels[:, settings.kept :] = settings.classes
    class_logits.scatter_(2, labels[..., None], 12.0)
    centres = torch.rand(2, *shape, 1, 1, generator=generator)
    rows, columns = (torch.linspace(0, 1, side) for side in settings.grid)
    distance = (rows[:, None] - centres[0]) ** 2 + (columns - centres[1]) ** 2
    mask_logits = 4 - 4 * settings.kept * distance
    return class_logits.to(settings.device), mask_logits.to(settings.device)
