"""Pictures of every prediction of a test, in either host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmseg_maskformer.datasets.image_loading import LoadImage

from .pictures import picture_of


class PaintHook(Hook):
    """Hands every predicted image of a test to the visualizer.

    Files are read as the pipeline of the test reads them. The hosts' hooks leave that
    to OpenCV, which knows up to four channels.

    Args:
        show: open a window for each picture.
        wait_time: seconds to show it.
        named_by_image: whether pictures are named here after their images; visualizers
            of this package's panoptic models do so themselves.
    """

    def __init__(
        self, show: bool = False, wait_time: float = 0.0, named_by_image: bool = True
    ) -> None:
        self.show = show
        self.wait_time = wait_time
        self.named_by_image = named_by_image
        self._painted = 0

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Paint the predictions of a batch."""
        load = _loading(runner.test_dataloader.dataset)
        for sample in outputs or ():
            self._painted += 1
            name = PurePosixPath(sample.img_path).name
            runner.visualizer.add_datasample(
                f"test_{name}" if self.named_by_image or self.show else "test_img",
                _picture(load, sample.img_path),
                data_sample=sample,
                show=self.show,
                wait_time=self.wait_time,
                step=self._painted,
            )


def _loading(dataset: Any) -> LoadImage:
    """How the first of a data set's pipelines reads files, or the default."""
    while inner := getattr(dataset, "dataset", None) or getattr(
        dataset, "datasets", None
    ):
        dataset = inner[0] if isinstance(inner, list) else inner
    steps = getattr(getattr(dataset, "pipeline", None), "transforms", ())
    return next((x for x in steps if isinstance(x, LoadImage)), LoadImage())


def _picture(load: LoadImage, path: str) -> np.ndarray:
    """(H, W, 3) uint8, red first."""
    image = load(dict(img_path=path))["img"]
    return picture_of(image[..., ::-1] if image.shape[2] == 3 else image)
