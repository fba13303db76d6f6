"""Predicting a large image window by window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .score_maps import ScoreWindow

Predict = Callable[[Sequence[tuple[int, int]], tuple[int, int]], list[ScoreWindow]]

_PIXELS = 1 << 20  # of the windows that are predicted together, at least one


def window_starts(length: int, crop: int, stride: int) -> list[int]:
    """Where windows begin along one side; the last one ends with the image.

    An image that is smaller than ``crop`` has one window, of its size.
    """
    last = max(length - crop, 0)
    return [*range(0, last, stride), last]


class SlidingWindows:
    """The windows of an image, predicted when their rows are asked for.

    Only predictions of windows in these rows are kept. Called with the first and one
    past the last row, gives the windows there.

    Args:
        size: height and width of the image.
        crop_size: of the windows.
        stride: from window to window, at most ``crop_size``.
        predict: predicts windows at places (top, left), of a size.
    """

    def __init__(
        self,
        size: tuple[int, int],
        crop_size: tuple[int, int],
        stride: tuple[int, int],
        predict: Predict,
    ) -> None:
        self.tops, self.lefts = (
            window_starts(*side) for side in zip(size, crop_size, stride, strict=True)
        )
        self.size = min(size[0], crop_size[0]), min(size[1], crop_size[1])
        self.predict = predict
        self.batch = max(1, _PIXELS // (self.size[0] * self.size[1]))
        self._kept: dict[int, list[ScoreWindow]] = {}

    def __call__(self, start: int, stop: int) -> list[ScoreWindow]:
        """The windows that hold pixels of some rows."""
        tops = [x for x in self.tops if x < stop and start < x + self.size[0]]
        self._kept = {top: self._kept[top] for top in tops if top in self._kept}
        for top in tops:
            if top not in self._kept:
                self._kept[top] = self._predicted([(top, left) for left in self.lefts])
        return [window for top in tops for window in self._kept[top]]

    def _predicted(self, places: list[tuple[int, int]]) -> list[ScoreWindow]:
        """The windows at some places, a few at a time."""
        parts = range(0, len(places), self.batch)
        return [
            window
            for start in parts
            for window in self.predict(places[start : start + self.batch], self.size)
        ]
