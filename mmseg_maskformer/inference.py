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
from mmengine.dataset import Compose, pseudo_collate
from mmengine.structures import InstanceData, PixelData

from mmseg_maskformer.adapters.batches import size_by_size
from mmseg_maskformer.adapters.images import checked_image, image_channels
from mmseg_maskformer.core.argument_checks import check_choice, check_counts
from mmseg_maskformer.core.conventions import INSTANCE_OFFSET
from mmseg_maskformer.core.structures import ImageLogits
from mmseg_maskformer.datasets.file_errors import naming_image
from mmseg_maskformer.datasets.pipeline_checks import check_pipelines
from mmseg_maskformer.engine.config_files import read_config
from mmseg_maskformer.engine.models import require_class_order, trained_model
from mmseg_maskformer.engine.results.own_images import classes_of, own_images
from mmseg_maskformer.visualization.images import picture_of_loaded
from mmseg_maskformer.visualization.panoptic_drawing import (
    as_array,
    enlarged,
    overlay,
)

Image = str | Path | np.ndarray
TASKS = dict(
    panoptic="pred_panoptic_seg", instance="pred_instances", semantic="pred_sem_seg"
)
SHOWN_SCORE = 0.5  # least score of an instance in pictures, where nobody sets one


class MissingResultError(ValueError):
    """A model does not make what it was asked for."""


class Loaded(NamedTuple):
    """An image that is ready for the model.

    Attributes:
        pixels: (H, W, C) as it was loaded; three channels are blue, green, red.
        packed: what the pipeline makes of it.
    """

    pixels: np.ndarray
    packed: dict[str, Any]


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

    def result(self, task: str) -> PixelData | InstanceData:
        """The host's result of "panoptic", "instance" or "semantic" segmentation.

        Raises:
            ValueError: There is no such task.
            MissingResultError: The model makes none of this task.
        """
        check_choice("task", task, TASKS)
        if TASKS[task] not in self.sample:
            made = [name for name, key in TASKS.items() if key in self.sample]
            raise MissingResultError(
                f"The model makes no {task} result; it makes {made}. Ask for one of "
                f"these, set model.test_cfg.{task}_on=True (of a MaskFormerDetector), "
                "or take a config of this task."
            )
        return self.sample.get(TASKS[task])

    def confidence(self) -> np.ndarray:
        """(H, W) probability of the labels, where ``test_cfg.uncertainty`` is on.

        Raises:
            MissingResultError: It is off, or the model is of another package.
        """
        if "pred_confidence" not in self.sample:
            raise MissingResultError(
                "The model makes no map of confidence; MaskFormerSegmentor and "
                "MaskFormerDetector do with model.test_cfg.uncertainty=True."
            )
        return as_array(self.sample.pred_confidence.data)[0]

    def picture(
        self, task: str | None = None, score_thr: float = SHOWN_SCORE
    ) -> np.ndarray:
        """(h, w, 3) uint8, red first: a result painted over the image, with names.

        Small images are enlarged by a whole factor.

        Args:
            task: by default the first of panoptic, instance and semantic that there is.
            score_thr: least score of an instance that is painted.

        Raises:
            MissingResultError: The model makes none of this task.
        """
        there = (name for name, key in TASKS.items() if key in self.sample)
        encoded = self.encoded(task or next(there, "semantic"), score_thr)
        image = picture_of_loaded(self.image)
        image, encoded = enlarged(image, encoded)
        return overlay(image, encoded, self.meta["classes"], self.meta["palette"])

    def encoded(self, task: str, score_thr: float = SHOWN_SCORE) -> np.ndarray:
        """(H, W) class + 1000 * object of what :meth:`picture` paints; K is void.

        Raises:
            MissingResultError: The model makes none of this task, or no masks.
        """
        result, void = self.result(task), len(self.meta["classes"])
        if isinstance(result, PixelData):
            maps = result.get("sem_seg", result.get("data"))
            labels = as_array(maps)[0].astype(np.int64)
            if task == "panoptic":
                return labels
            return np.where((labels >= 0) & (labels < void), labels, void)
        if "masks" not in result:
            raise MissingResultError(
                "The model finds boxes and no masks, which are not painted; "
                "tools/predict.py --no-pictures writes them."
            )
        objects = result[result.scores >= score_thr]
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

    Attributes:
        model: in evaluation mode.
        dataset: the config's data set of the test, whose files have not been read.
        meta: ``classes`` and ``palette``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The config cannot be read or has no test images to be loaded like, a
            setting has no effect, the weights do not fit the model, a class has another
            number in them, or the pipeline pads, flips, crops or moves images.
    """

    def __init__(
        self,
        config: str | Path,
        checkpoint: str | Path,
        device: str | None = None,
        overrides: dict[str, Any] | None = None,
    ) -> None:
        settings = read_config(str(config), overrides or {})
        self.model = trained_model(settings, str(checkpoint), device or "").eval()
        backbone = hasattr(self.model, "backbone")
        self._channels = image_channels(self.model) if backbone else None
        self.dataset, steps = own_images(settings)
        self.meta = classes_of(self.dataset, settings.filename)
        require_class_order(self.model, self.meta["classes"], settings.filename)
        self._from_file, self._steps = Compose(steps[:1]), Compose(steps[1:])
        if hasattr(self.model, "decode_head"):  # other detectors bring results back
            self._check_steps()
        options = {k: v for k, v in steps[0].items() if k not in ("type", "_scope_")}
        array = dict(options, type="mmseg_maskformer.LoadImageFromNDArray")
        self._from_array = Compose([array])

    def _check_steps(self) -> None:
        """Refuse steps after which results would not lie over the image."""
        steps = *self._from_file.transforms, *self._steps.transforms
        self.dataset.pipeline = Compose(steps)
        self.dataset.GIVES_MAPS = ""  # there are no labels
        check_pipelines(self.dataset, evaluated=True)

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
            TypeError: It is neither a path nor an array.
        """
        check_counts(batch_size=batch_size)
        if isinstance(images, Image) or not isinstance(images, Iterable):
            images = [images]
        remaining = iter(images)
        while batch := list(islice(remaining, batch_size)):
            yield from self.predict([self.load(image) for image in batch])

    def load(self, image: Image) -> Loaded:
        """Load an image as the test does.

        Raises:
            OSError, ValueError: It cannot be read, or is none that the model takes.
            TypeError: It is neither a path nor an array.
        """
        if not isinstance(image, Image):
            raise TypeError(
                f"An image is given as {type(image).__name__}: give a path or a BGR "
                "array, of Pillow's np.asarray(image.convert('RGB'))[..., ::-1]."
            )
        if isinstance(image, np.ndarray):
            results = self._from_array(dict(img=image, img_id=0))
        else:
            results = self._from_disk(str(image))
        pixels = results["img"]
        with naming_image(results):
            packed = self._steps(dict(results))
        checked_image(packed["inputs"], packed["data_samples"], self._channels)
        return Loaded(pixels, packed)

    def _from_disk(self, path: str) -> dict[str, Any]:
        """What the first step of the pipeline makes of a file."""
        try:
            results = self._from_file(dict(img_path=path, img_id=0))
        except Exception as error:  # the hosts' steps do not name the file
            if isinstance(error, OSError | ValueError) and path in str(error):
                raise
            raise OSError(f"The image {path} cannot be read ({error}).") from error
        if results is None:  # ignore_empty
            raise OSError(f"The image {path} cannot be read.")
        return results

    @torch.no_grad()
    def predict(self, loaded: Sequence[Loaded]) -> list[Found]:
        """Results of a batch of images that :meth:`load` has read."""
        batch = pseudo_collate([x.packed for x in loaded])
        # MMSegmentation's own models take images of one size
        samples = size_by_size(self.model.test_step, batch)
        pairs = zip(samples, loaded, strict=True)
        return [Found(sample, image.pixels, self.meta) for sample, image in pairs]

    @torch.no_grad()
    def logits(self, loaded: Loaded) -> ImageLogits:
        """What the network says of an image, for :meth:`apply_rules`.

        Raises:
            ValueError: ``test_cfg`` has windows predicted.
        """
        data = self.model.data_preprocessor(pseudo_collate([loaded.packed]), False)
        inputs, samples = data["inputs"], data["data_samples"]
        options = self.model.prediction_options()
        return self.model.image_logits(inputs, samples, options)[0]

    @torch.no_grad()
    def apply_rules(self, loaded: Loaded, logits: ImageLogits, **changes: Any) -> Found:
        """Results without the network, of models of this package.

        Those of :meth:`predict`; of ``test_cfg.uncertainty`` a segmentor gives none.

        Args:
            loaded: an image.
            logits: of it, from :meth:`logits`.
            changes: of ``test_cfg``, as ``iou_thr=0.5``; the layer is that of
                ``logits``.

        Raises:
            ValueError: There is no such setting, a value is impossible, or windows are
                predicted.
        """
        options = self.model.prediction_options(**changes)
        sample = loaded.packed["data_samples"].new()
        self.model.apply_rules(sample, logits, options)
        return Found(sample, loaded.pixels, self.meta)
