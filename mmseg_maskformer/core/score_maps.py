"""Score maps of images of any size, a tile of rows at a time.

A score map is what the semantic rule takes the best class of: sums of class times mask
probability, or the logits of a per-pixel model. Windows, augmented images and whole
ones are asked for rows alike, so that nothing of the size K x H x W is ever made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from .class_scores import best_classes, class_scores
from .precision import at_least_float32
from .tiling import (
    Placement,
    iter_tiles,
    placed_rows,
    resize_rows,
    tile_height,
    tile_rows,
    tile_size,
)

_ROWS = 8  # making fewer rows at a time costs more time than it saves memory
# axes of (..., H, W) by the hosts' names
FLIPS = {"horizontal": (-1,), "vertical": (-2,), "diagonal": (-2, -1)}


class ScoreMap(Protocol):
    """Scores (n, H, W) of one image, made where they are asked for."""

    @property
    def size(self) -> tuple[int, int]:
        """H and W."""

    def rows(self, start: int, stop: int) -> Tensor:
        """Scores (n, stop - start, W), float32 at least."""

    def tile_height(self) -> int:
        """How many rows take about one tile to make."""


class ScoreWindow(NamedTuple):
    """What a model says about a part of its input, or about all of it."""

    probs: Tensor | None  # (Q, K + 1), with "no object"; None of a per-pixel model
    mask_logits: Tensor  # (Q, h, w)
    place: tuple[int, int]  # top and left of the part, in pixels of the input
    size: tuple[int, int]  # height and width of the part
    upsampled_size: tuple[int, int]  # of the masks, before they are cut to the part

    @classmethod
    def of(
        cls,
        class_logits: Tensor | None,
        mask_logits: Tensor,
        size: tuple[int, int],
        place: tuple[int, int] = (0, 0),
        upsampled_size: tuple[int, int] | None = None,
    ) -> ScoreWindow:
        """From class logits (Q, K + 1), or None, and mask logits (Q, h, w)."""
        if class_logits is not None:
            class_logits = at_least_float32(class_logits).softmax(dim=-1)
        masks = at_least_float32(mask_logits)
        return cls(class_logits, masks, place, size, upsampled_size or size)

    def scores(self, rows: tuple[int, int], no_object: bool = False) -> Tensor:
        """Scores (K, rows, w) of some rows of the part; one map more if asked for.

        That is the no-object mass, nothing of a per-pixel model.
        """
        masks = resize_rows(self.mask_logits, self.upsampled_size, rows)
        masks = masks[..., : self.size[1]]
        if self.probs is not None:
            masks.sigmoid_()
        return class_scores(self.probs, masks, no_object)


WindowSource = Callable[[int, int], Sequence[ScoreWindow]]


def single_window(window: ScoreWindow) -> WindowSource:
    """What ``TiledScores.windows`` must be where one window is the whole input."""
    return lambda start, stop: [window]


def _height_of_tiles(window: ScoreWindow, placement: Placement) -> int:
    """Rows of a result, eight at least, of which queries or scores fill a tile."""
    classes = 0 if window.probs is None else window.probs.shape[1]
    maps = max(len(window.mask_logits), classes)
    elements = maps * max(placement.size[1], placement.out_size[1])
    tile = tile_size(window.mask_logits.device)
    return max(_ROWS, tile_height(elements, placement, tile))


@dataclass
class TiledScores:
    """The mean over the windows that cover a pixel, brought to the size of the result.

    Attributes:
        placement: the image's place in the input, and the size of the result.
        windows: gives the windows that lie in some rows of the input, at least one
            for every pixel there.
        no_object: whether the further map of :meth:`ScoreWindow.scores` comes last.
    """

    placement: Placement
    windows: WindowSource
    no_object: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """H and W of the result."""
        return self.placement.out_size

    def rows(self, start: int, stop: int) -> Tensor:
        """Scores (n, rows, W)."""
        return placed_rows(self._at_input, self.placement, (start, stop))

    def tile_height(self) -> int:
        """How many rows take about one tile, eight at least."""
        window = self.windows(0, 1)[0]
        return _height_of_tiles(window, self.placement)

    def _at_input(self, rows: tuple[int, int]) -> Tensor:
        """Scores (n, rows, W) of the part of the input that is not padding."""
        start, stop = rows
        windows = self.windows(start, stop)
        if len(windows) == 1:  # it covers all of these rows
            (top, _), columns = windows[0].place, slice(*self.placement.crop[2:])
            scores = windows[0].scores((start - top, stop - top), self.no_object)
            return scores[..., columns]
        total = count = torch.zeros(())
        for window in windows:
            top, left = window.place
            low, high = max(start, top), min(stop, top + window.size[0])
            scores = window.scores((low - top, high - top), self.no_object)
            width = window.size[1]
            if not total.dim():
                count = scores.new_zeros(stop - start, self.placement.size[1])
                total = count.repeat(len(scores), 1, 1)
            down, across = slice(low - start, high - start), slice(left, left + width)
            total[..., down, across] += scores
            count[..., down, across] += 1
        return total.div_(count)[..., slice(*self.placement.crop[2:])]


@dataclass
class ResizedMaskScores:
    """Scores of one window, made of masks that have the size of the result.

    Scores are linear in mask probabilities, so resizing these gives the scores of
    :class:`TiledScores`, but for the no-object mass.

    Attributes:
        window: the whole input.
        placement: the image's place in the input, and the size of the result.
        resize_logits: resize mask logits, not probabilities, to the size of the result,
            as the paper's code does for panoptic models.
        no_object: whether the no-object mass comes last.
    """

    window: ScoreWindow
    placement: Placement
    resize_logits: bool = True
    no_object: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """H and W of the result."""
        return self.placement.out_size

    def rows(self, start: int, stop: int) -> Tensor:
        """Scores (n, rows, W)."""
        masks = tile_rows(
            self.window.mask_logits, self._upsampled, (start, stop), self._at_input
        )
        return class_scores(self.window.probs, self._at_result(masks), self.no_object)

    def labels(self) -> Tensor:
        """As :func:`best_labels`, which calls it: faster where classes are many.

        Masks of many rows are resized together, and weighted a few pixels at a time.
        """
        masks, probs = self.window.mask_logits, self.window.probs
        tile = tile_size(masks.device)
        tiles = iter_tiles(masks, self._upsampled, self._at_input)
        if probs is None:
            return torch.cat([logits.max(dim=0).indices for _, logits in tiles])
        probs = probs[:, :-1].contiguous()
        return torch.cat(
            [best_classes(probs, self._at_result(x), tile) for _, x in tiles]
        )

    @property
    def _upsampled(self) -> Placement:
        """The place in what the masks are resized to before they are cut."""
        return self.placement._replace(size=self.window.upsampled_size)

    @property
    def _at_input(self) -> Callable[[Tensor], Tensor] | None:
        """What is done to masks of the size of the input."""
        logits = self.resize_logits or self.window.probs is None
        return None if logits else torch.sigmoid

    def _at_result(self, masks: Tensor) -> Tensor:
        """What is done to masks of the size of the result, which may be changed."""
        logits = self.resize_logits and self.window.probs is not None
        return masks.sigmoid_() if logits else masks

    def tile_height(self) -> int:
        """How many rows take about one tile, eight at least."""
        return _height_of_tiles(self.window, self.placement)


@dataclass
class FlippedScores:
    """Another score map, mirrored.

    Attributes:
        scores: of the mirrored image.
        direction: "horizontal", "vertical" or "diagonal" (both), the hosts' names.
    """

    scores: ScoreMap
    direction: str

    @property
    def size(self) -> tuple[int, int]:
        """H and W."""
        return self.scores.size

    def rows(self, start: int, stop: int) -> Tensor:
        """Scores (n, rows, W)."""
        axes = FLIPS[self.direction]
        if -2 in axes:
            start, stop = self.size[0] - stop, self.size[0] - start
        return self.scores.rows(start, stop).flip(axes)

    def tile_height(self) -> int:
        """As of the other."""
        return self.scores.tile_height()


@dataclass
class MeanScores:
    """The mean of score maps of equal size."""

    maps: Sequence[ScoreMap]

    @property
    def size(self) -> tuple[int, int]:
        """H and W."""
        return self.maps[0].size

    def rows(self, start: int, stop: int) -> Tensor:
        """Scores (n, rows, W)."""
        total = self.maps[0].rows(start, stop)
        for scores in self.maps[1:]:
            total = total + scores.rows(start, stop)
        return total / len(self.maps)

    def tile_height(self) -> int:
        """The least of all."""
        return min(scores.tile_height() for scores in self.maps)


def score_tiles(scores: ScoreMap) -> Iterator[tuple[slice, Tensor]]:
    """The rows of the result, and the scores (n, rows, W) there, from top to bottom."""
    height, step = scores.size[0], scores.tile_height()
    for start in range(0, height, step):
        stop = min(start + step, height)
        yield slice(start, stop), scores.rows(start, stop)


def best_labels(scores: ScoreMap) -> Tensor:
    """The class (H, W) int64 of the highest score of every pixel, the first of several.

    Args:
        scores: of K classes, without the no-object mass.
    """
    if isinstance(scores, ResizedMaskScores):
        return scores.labels()
    return torch.cat(
        [tile_scores.max(dim=0).indices for _, tile_scores in score_tiles(scores)]
    )
