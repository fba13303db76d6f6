"""Videos by OpenCV, as the hosts have it: read frame by frame and painted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

_USUAL_RATE = 25.0  # frames a second, of a file that does not say


class Video:
    """A video file.

    Args:
        path: of it.

    Attributes:
        rate: frames a second.
        length: how many frames there are, as the file says; 0 where it does not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        capture = cv2.VideoCapture(str(path))
        self.rate = capture.get(cv2.CAP_PROP_FPS) or _USUAL_RATE
        self.length = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        capture.release()

    def __iter__(self) -> Iterator[np.ndarray]:
        """Frames (H, W, 3) uint8, blue first."""
        capture = cv2.VideoCapture(str(self.path))
        try:
            while (read := capture.read())[0]:
                yield read[1]
        finally:
            capture.release()


class VideoWriter:
    """Writes pictures of one size as MPEG-4; a context.

    Args:
        path: of the file, which is made with the first picture.
        rate: frames a second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self.path, self.rate = path, rate
        self._writer: cv2.VideoWriter | None = None

    def write(self, picture: np.ndarray) -> None:
        """Append a picture (H, W, 3) uint8, red first.

        Raises:
            OSError: OpenCV cannot write the file.
        """
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            size, code = picture.shape[1::-1], cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self.path), code, self.rate, size)
            if not self._writer.isOpened():
                raise OSError(
                    f"OpenCV cannot write {self.path} of {size[0]} x {size[1]} pixels; "
                    "it needs MPEG-4 by FFmpeg, as opencv-python has it."
                )
        self._writer.write(np.ascontiguousarray(picture[..., ::-1]))

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.release()
