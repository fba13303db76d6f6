"""Pictures of predictions in tests and validations, in either host."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from mmengine.dataset import BaseDataset
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmseg_maskformer.core.argument_checks import check_counts
from mmseg_maskformer.datasets.transforms.image_loading import LoadImage
from mmseg_maskformer.datasets.wrappers import leaf_datasets
from mmseg_maskformer.engine.results.images import image_names, image_paths
from mmseg_maskformer.visualization.images import picture_of_loaded

_HOSTS = ("mmseg", "mmdet")


class VisualizationHook(Hook):
    """Hands predicted images to the visualizer: all of a test, some of a validation.

    Files are read as the pipeline of their data set reads them. The hosts' hooks leave
    that to OpenCV, which knows up to four channels. One schedule serves both hosts,
    whose own ``tools/test.py --show-dir`` look for such a hook and switch ``draw`` on.
    Images in sub-folders keep these, or have them in the name.

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
        self._known: dict[str, _Images] = {}  # by kind

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
        first = batch_idx * (runner.val_dataloader.batch_size or 1)
        for number, sample in enumerate(outputs or (), start=first):
            if number % self.interval == 0:
                self._paint(runner, sample, "val", runner.iter)

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
        for sample in outputs or ():
            self._painted += 1
            self._paint(runner, sample, "test", self._painted, self.test_out_dir)

    def _paint(
        self,
        runner: Runner,
        sample: Any,
        kind: str,
        step: int,
        folder: str | None = None,
    ) -> None:
        """Hand an image with its prediction to the visualizer of the first process."""
        if not is_main_process():
            return
        images, path = self._images(runner, kind), sample.img_path
        name = PurePosixPath(images.names.get(path, Path(path).name))
        load = images.loading.get(path, images.default)
        parts = name.parts if self.named_by_image else ("img", *name.parts[:-1])
        runner.visualizer.add_datasample(
            "_".join([kind, *parts]),
            picture_of_loaded(load(dict(img_path=path))["img"]),
            data_sample=sample,
            show=self.show,
            wait_time=self.wait_time,
            out_file=folder and str(Path(folder, name)),
            step=step,
        )

    def _images(self, runner: Runner, kind: str) -> _Images:
        if kind not in self._known:
            loader = runner.val_dataloader if kind == "val" else runner.test_dataloader
            self._known[kind] = _Images.of(loader.dataset)
        return self._known[kind]


class _Images(NamedTuple):
    """Of the images of a data set, by their paths, where it lists them."""

    names: dict[str, str]  # below the folder of all
    loading: dict[str, LoadImage]  # how files are read, of joined data sets
    default: LoadImage  # of the others

    @classmethod
    def of(cls, dataset: Any) -> _Images:
        leaves = leaf_datasets(dataset)
        listed = leaves if all(isinstance(x, BaseDataset) for x in leaves) else []
        joined = [(_loading(leaf), image_paths(leaf)) for leaf in listed[1:]]
        loading = {path: load for load, paths in joined for path in paths}
        names = image_names(listed) if listed else {}
        return cls(names, loading, default=_loading(leaves[0]))


def _loading(leaf: Any) -> LoadImage:
    """How the pipeline of a data set reads files, or the default."""
    steps = getattr(getattr(leaf, "pipeline", None), "transforms", ())
    return next((x for x in steps if isinstance(x, LoadImage)), LoadImage())
