"""Pictures of predictions in tests and validations, in either host."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmseg_maskformer.core.argument_checks import check_counts
from mmseg_maskformer.datasets.transforms.image_loading import LoadImage
from mmseg_maskformer.datasets.wrappers import leaf_datasets
from mmseg_maskformer.engine.results.images import image_names
from mmseg_maskformer.visualization.images import picture_of_loaded

_HOSTS = ("mmseg", "mmdet")


class VisualizationHook(Hook):
    """Hands predicted images to the visualizer: all of a test, some of a validation.

    Files are read as the pipeline of the test reads them. The hosts' hooks leave that
    to OpenCV, which knows up to four channels. One schedule serves both hosts, whose
    own ``tools/test.py --show-dir`` look for such a hook and switch ``draw`` on. Images
    in sub-folders keep these, or have them in the name.

    Args:
        draw: whether to do anything.
        show: open a window for each picture.
        wait_time: seconds to show it.
        test_out_dir: folder for the pictures, where not the visualizer says it.
        interval: of the first process's validation images; its first one is painted and
            every so many after it. The other processes paint none.

    Raises:
        ValueError: The default scope is of neither host, or the interval is below 1.
    """

    def __init__(
        self,
        draw: bool = False,
        show: bool = False,
        wait_time: float = 0.0,
        test_out_dir: str | None = None,
        interval: int = 50,
    ) -> None:
        check_counts(**{"VisualizationHook.interval": interval})
        current = DefaultScope.get_current_instance()
        scope = current.scope_name if current else None
        if draw and scope not in _HOSTS:
            raise ValueError(
                f"Painting predictions needs default_scope 'mmseg' or 'mmdet' in the "
                f"config, which has {scope!r}."
            )
        self.draw = draw
        self.show = show
        self.wait_time = wait_time
        self.test_out_dir = test_out_dir
        self.interval = interval
        # visualizers of panoptic models name pictures after their images themselves
        self.named_by_image = show or scope == "mmseg"
        self._painted = 0
        self._names: dict[str, dict[str, str]] = {}  # of images, by kind and path

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Paint the predictions of a batch whose turn it is, at this iteration."""
        if not self.draw:
            return
        load = _loading(runner.val_dataloader.dataset)
        first = batch_idx * (runner.val_dataloader.batch_size or 1)
        for number, sample in enumerate(outputs or (), start=first):
            if number % self.interval == 0:
                self._paint(runner, load, sample, "val", runner.iter)

    def before_test(self, runner: Runner) -> None:
        """Warn of images that nobody paints: hosts' visualizers keep to one process."""
        if self.draw and runner.world_size > 1:
            print_log(
                f"The first of {runner.world_size} processes paints its own images, "
                "the others paint none. For a picture of each image run tools/test.py "
                "without a launcher.",
                logger="current",
                level=logging.WARNING,
            )

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Paint the predictions of a batch."""
        if not self.draw:
            return
        load = _loading(runner.test_dataloader.dataset)
        for sample in outputs or ():
            self._painted += 1
            self._paint(runner, load, sample, "test", self._painted, self.test_out_dir)

    def _paint(
        self,
        runner: Runner,
        load: LoadImage,
        sample: Any,
        kind: str,
        step: int,
        folder: str | None = None,
    ) -> None:
        """Hand an image with its prediction to the visualizer of the first process."""
        if not is_main_process():
            return
        name = self._name(runner, kind, sample.img_path)
        parts = name.parts if self.named_by_image else ("img", *name.parts[:-1])
        runner.visualizer.add_datasample(
            "_".join([kind, *parts]),
            picture_of_loaded(load(dict(img_path=sample.img_path))["img"]),
            data_sample=sample,
            show=self.show,
            wait_time=self.wait_time,
            out_file=folder and str(Path(folder, name)),
            step=step,
        )

    def _name(self, runner: Runner, kind: str, path: str) -> PurePosixPath:
        """An image's name below the folder of all, where a data set lists them."""
        if kind not in self._names:
            loader = runner.val_dataloader if kind == "val" else runner.test_dataloader
            leaves = leaf_datasets(loader.dataset)
            listed = all(isinstance(leaf, BaseDataset) for leaf in leaves)
            self._names[kind] = image_names(leaves) if listed else {}
        return PurePosixPath(self._names[kind].get(path, Path(path).name))


def _loading(dataset: Any) -> LoadImage:
    """How the first of a data set's pipelines reads files, or the default."""
    pipeline = getattr(leaf_datasets(dataset)[0], "pipeline", None)
    steps = getattr(pipeline, "transforms", ())
    return next((x for x in steps if isinstance(x, LoadImage)), LoadImage())
