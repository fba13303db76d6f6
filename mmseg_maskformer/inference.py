"""Images to results in three lines, for every model that a config describes.

    predictor = Predictor("config.py", "weights.pth")
    for found in predictor(["a.jpg", "b.jpg"]):
        found.sample  # the host's data sample: pred_sem_seg, pred_panoptic_seg, ...

Results are those of ``tools/test.py`` on the same images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DATASETS, init_default_scope

from mmseg_maskformer.core.conventions import INSTANCE_OFFSET
from mmseg_maskformer.datasets.wrappers import leaf_datasets
from mmseg_maskformer.engine.launch import read_config, trained_model
from mmseg_maskformer.engine.results.unlabelled import without_labels
from mmseg_maskformer.visualization.images import picture_of
from mmseg_maskformer.visualization.panoptic_drawing import (
    as_array,
    enlarged,
    overlay,
)

Image = str | Path | np.ndarray
_LOADS = ("LoadImage", "LoadImageFromFile")
_LEAST_SIDE = 384  # of pictures, for the text
_SURE = 0.5  # least score of an instance that is painted


class Found(NamedTuple):
    """What a model makes of an image.

    Attributes:
        sample: the host's data sample, at the size of the image.
        image: (H, W, C) as it was loaded; three channels are blue, green, red.
        meta: of the classes: ``classes`` and ``palette``.
    """

    sample: Any
    image: np.ndarray
    meta: Mapping[str, Any]

    def picture(self) -> np.ndarray:
        """(h, w, 3) uint8, red first: the result painted over the image, with names.

        The panoptic result if there is one, else instances with a score of 1/2 and
        more, else the semantic map. Small images are enlarged by a whole factor.
        """
        swapped = self.image[..., ::-1] if self.image.shape[2] == 3 else self.image
        classes, palette = self.meta["classes"], self.meta["palette"]
        encoded = self._encoded(void=len(classes))
        image, encoded = enlarged(picture_of(swapped), encoded, _LEAST_SIDE)
        return overlay(image, encoded, classes, palette)

    def _encoded(self, void: int) -> np.ndarray:
        """(H, W) class + 1000 * object."""
        if "pred_panoptic_seg" in self.sample:
            return as_array(self.sample.pred_panoptic_seg.sem_seg)[0].astype(np.int64)
        if "pred_instances" not in self.sample:
            labels = as_array(self.sample.pred_sem_seg.data)[0].astype(np.int64)
            return np.where(labels < void, labels, void)
        objects = self.sample.pred_instances
        objects = objects[objects.scores >= _SURE]
        encoded = np.full(self.image.shape[:2], void)
        rows = zip(as_array(objects.masks), as_array(objects.labels), strict=True)
        for number, (mask, label) in reversed(list(enumerate(rows, start=1))):
            encoded[mask] = label + INSTANCE_OFFSET * number  # the surest last
        return encoded


class Predictor:
    """A trained model, and the pipeline of its test images without their labels.

    Args:
        config: a config file of either host.
        checkpoint: its weights: a file, an address, or a name as
            ``mask2former://NAME``.
        device: "cpu", "cuda", ...; by default a GPU if there is one.
        overrides: settings of the config, as ``{"model.test_cfg.iou_thr": 0.5}``.

    Raises:
        SystemExit: There is no such file.
        ValueError: The weights do not fit the model.
    """

    def __init__(
        self,
        config: str | Path,
        checkpoint: str | Path,
        device: str | None = None,
        overrides: dict[str, Any] | None = None,
    ) -> None:
        settings = read_config(str(config), overrides or {})
        init_default_scope(settings.get("default_scope", "mmseg"))
        self.model = trained_model(settings, str(checkpoint)).eval()
        if device is not None:
            self.model.to(device)
        dataset = settings.test_dataloader.dataset
        self.meta = _metainfo(dataset)
        loads, steps = _pipeline(dataset, settings.filename)
        self._from_file = Compose([dict(loads, type=f"{_OURS}LoadImage")])
        array = dict(loads, type=f"{_OURS}LoadImageFromNDArray")
        self._from_array = Compose([array])
        self._steps = Compose(steps)

    def __call__(
        self, images: Image | Iterable[Image], batch_size: int = 1
    ) -> Iterator[Found]:
        """Results of images in their order.

        Args:
            images: paths, or arrays (H, W) or (H, W, C) of 8 or 16 bits, blue first;
                one, or several of any sizes.
            batch_size: images at a time.

        Raises:
            OSError, ValueError: An image cannot be read; the message names it.
        """
        several = [images] if isinstance(images, Image) else images
        remaining = iter(several)
        while batch := list(islice(remaining, batch_size)):
            yield from self.predict([self.load(image) for image in batch])

    def load(self, image: Image) -> dict[str, Any]:
        """An image as the pipeline's first step leaves it.

        Raises:
            OSError, ValueError: It cannot be read.
        """
        if isinstance(image, np.ndarray):
            return self._from_array(dict(img=image, img_id=0))
        return self._from_file(dict(img_path=str(image), img_id=0))

    @torch.no_grad()
    def predict(self, loaded: Sequence[dict[str, Any]]) -> list[Found]:
        """Results of a batch of images that :meth:`load` has read."""
        pixels = [results["img"] for results in loaded]
        batch = pseudo_collate([self._steps(dict(results)) for results in loaded])
        samples = self.model.test_step(batch)
        pairs = zip(samples, pixels, strict=True)
        return [Found(sample, image, self.meta) for sample, image in pairs]


_OURS = "mmseg_maskformer."


def _pipeline(dataset: Config, name: str) -> tuple[dict, list[dict]]:
    """Arguments of the loading of images, and the steps after it without labels.

    Raises:
        ValueError: Images are loaded in a way of their own.
    """
    steps = without_labels(_leaf(dataset)["pipeline"])
    kinds = [step["type"].rpartition(".")[2] for step in steps]
    if kinds and kinds[0] in _LOADS:
        first, *steps = steps
        return {k: v for k, v in first.items() if k not in ("type", "_scope_")}, steps
    strange = [kind for kind in kinds if kind.startswith("Load")]
    if strange:
        raise ValueError(
            f"The pipeline of test_dataloader in {name} has {strange[0]}, and images "
            f"are given as files or arrays; let it begin with {' or '.join(_LOADS)}."
        )
    return {}, steps  # of images that the data set draws


def _metainfo(dataset: Config) -> dict[str, Any]:
    """Classes and colours, without asking for the files where the class knows them."""
    leaf = _leaf(dataset)
    known = getattr(DATASETS.get(leaf["type"]), "METAINFO", {})
    found = {**known, **leaf.get("metainfo", {})}
    if {"classes", "palette"} <= found.keys():
        return found
    return leaf_datasets(DATASETS.build(dict(leaf, pipeline=[])))[0].metainfo


def _leaf(dataset: Any) -> dict[str, Any]:
    """Settings of the first data set that wraps no other."""
    while "dataset" in dataset or "datasets" in dataset:
        dataset = dataset.get("dataset") or dataset["datasets"][0]
    return dict(dataset)
