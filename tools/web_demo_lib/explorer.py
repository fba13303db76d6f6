"""What the page shows of an image, as pictures and tables; nothing here serves it.

The network runs once for an image, in :meth:`Explorer.see`. Letters: Q queries, H x W
the size of the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from mmseg_maskformer.core.conventions import INSTANCE_OFFSET
from mmseg_maskformer.core.inference import class_probs
from mmseg_maskformer.core.structures import ImageLogits
from mmseg_maskformer.core.tiling import iter_tiles, tile_rows
from mmseg_maskformer.datasets.transforms.image_files import files_below
from mmseg_maskformer.inference import (
    SHOWN_SCORE,
    TASKS,
    Found,
    Loaded,
    Predictor,
)
from mmseg_maskformer.visualization.images import picture_of_loaded
from mmseg_maskformer.visualization.panoptic_drawing import (
    as_array,
    enlargement,
)
from query_lib.drawing import masks_over

MOST_PIXELS = 4096  # of a side of an image
_THUMBNAIL = (160, 120)  # largest width and height

Thresholds = Mapping[str, float]


class Seen(NamedTuple):
    """An image and what the network says of it."""

    loaded: Loaded
    logits: ImageLogits


class View(NamedTuple):
    """A result as it is shown: the painted image, and a row for each class."""

    picture: np.ndarray  # (h, w, 3) uint8, RGB
    rows: list[list[Any]]  # as TABLES[task] names the columns


class QueryHere(NamedTuple):
    """A query at a pixel."""

    query: int
    label: int  # its best class, "no object" left out
    class_prob: float
    mask_prob: float  # that the pixel belongs to its mask

    def text(self, classes: tuple[str, ...]) -> str:
        """In one line."""
        name, probs = classes[self.label], (self.class_prob, self.mask_prob)
        return "query {}: {} {:.2f}, mask {:.2f}".format(self.query, name, *probs)


TABLES = dict(
    panoptic=("class", "segments", "pixels", "%"),
    instance=("class", "objects", "best score"),
    semantic=("class", "pixels", "%"),
)


class Explorer:
    """A model whose results are made again with other thresholds.

    Args:
        predictor: of a model of this package that predicts images as a whole.

    Attributes:
        thresholds: of each task that is shown, with the values that it starts with.
        has_queries: whether the model has queries that choose their class.

    Raises:
        ValueError: The model is another one.
    """

    def __init__(self, predictor: Predictor) -> None:
        model = predictor.model
        if not hasattr(model, "prediction_options"):
            raise ValueError(
                f"{type(model).__name__} is no model of this package, whose results "
                "could be made again; tools/predict.py predicts with any."
            )
        options = model.prediction_options()
        if getattr(options, "mode", "whole") != "whole":
            raise ValueError(
                f"test_cfg.mode={options.mode!r} predicts no queries of a whole image; "
                "give --cfg-options model.test_cfg.mode=whole."
            )
        self.predictor = predictor
        self.thresholds = thresholds_of(model)
        self.has_queries = not model.decode_head.network.per_pixel

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(self.predictor.meta["classes"])

    def see(self, path: Path) -> Seen:
        """Load an image, and run the network.

        Raises:
            OSError, ValueError: It cannot be read, is too large, or none that the model
                takes.
        """
        check_size(path)
        loaded = self.predictor.load(path)
        return Seen(loaded, self.predictor.logits(loaded))

    def found(self, seen: Seen, task: str, thresholds: Thresholds) -> Found:
        """The result of one task, with these thresholds of ``test_cfg``."""
        changes: dict[str, Any] = dict(thresholds)
        if hasattr(self.predictor.model, "num_things_classes"):
            changes |= {f"{name}_on": name == task for name in TASKS}
        return self.predictor.apply_rules(*seen, **changes)

    def view(self, seen: Seen, task: str, thresholds: Thresholds) -> View:
        """The same, painted and counted; what is void has a row, too."""
        found = self.found(seen, task, thresholds)
        rows = instance_rows if task == "instance" else segment_rows
        return View(found.picture(task, score_thr=0.0), rows(found, task))

    def pixel(self, seen: Seen, x: int, y: int) -> tuple[int, int]:
        """Column and row of the image at a place of a picture."""
        zoom = enlargement(seen.loaded.pixels.shape[:2])
        return x // zoom, y // zoom

    @torch.no_grad()
    def queries_at(self, seen: Seen, column: int, row: int) -> list[QueryHere]:
        """The queries whose masks a pixel likely belongs to.

        By falling product of class and mask probability, which is what queries compete
        with. Where no mask probability is above 1/2, the one with the highest.
        """
        class_logits, mask_logits, placement = seen.logits
        assert class_logits is not None  # it has queries
        here = tile_rows(mask_logits, placement, (row, row + 1))[:, 0, column]
        masks = here.sigmoid()  # (Q,)
        probs, labels = class_probs(class_logits).max(dim=1)
        order = (probs * masks).argsort(descending=True)
        order = order[masks[order] > 0.5]
        if not len(order):
            order = masks.argmax()[None]
        columns = (x[order].tolist() for x in (labels, probs, masks))
        return [QueryHere(*x) for x in zip(order.tolist(), *columns, strict=True)]

    @torch.no_grad()
    def mask(self, seen: Seen, query: int) -> np.ndarray:
        """(h, w, 3) uint8, RGB: the mask of a query in the colour of its best class."""
        class_logits, mask_logits, placement = seen.logits
        assert class_logits is not None  # it has queries
        tiles = iter_tiles(mask_logits[[query]], placement)
        probs = torch.cat([logits.sigmoid() for _, logits in tiles], dim=1)
        label = int(class_probs(class_logits[query]).argmax())
        image = picture_of_loaded(seen.loaded.pixels)
        width = image.shape[1] * enlargement(image.shape[:2])
        colours = [self.predictor.meta["palette"][label]]
        return masks_over(image, probs.cpu().numpy(), colours, width)

    def thumbnail(self, path: Path) -> Image.Image:
        """A small picture of a file.

        Raises:
            OSError, ValueError: As of :meth:`see`.
        """
        check_size(path)
        picture = Image.fromarray(picture_of_loaded(self.predictor.load(path).pixels))
        picture.thumbnail(_THUMBNAIL)
        return picture


def images_below(folder: Path) -> list[Path]:
    """Image files of a folder and those in it, for ``--examples``.

    Raises:
        SystemExit: There are none.
    """
    found = files_below(folder)
    if not found:
        raise SystemExit(f"--examples {folder}: there is no image in this folder.")
    return found


def thresholds_of(model: Any) -> dict[str, dict[str, float]]:
    """By task, the names in ``test_cfg`` and the values there.

    Semantic models have one task. Of a model with things and stuff all three are shown,
    of others those that ``test_cfg`` switches on. Instances begin with the score of
    pictures where ``test_cfg`` leaves none out.
    """
    options = model.prediction_options()
    if not hasattr(model, "num_things_classes"):
        rules = dict(general=["object_mask_thr"], iterative=["iou_thr"])
        names = rules.get(options.semantic_rule, [])
        return dict(semantic={name: getattr(options, name) for name in names})
    panoptic = dict(object_mask_thr=options.object_mask_thr, iou_thr=options.iou_thr)
    if options.panoptic_rule == "detr":
        del panoptic["iou_thr"]
    score_thr = options.score_thr or SHOWN_SCORE
    tasks: dict[str, dict[str, float]]
    tasks = dict(panoptic=panoptic, instance=dict(score_thr=score_thr), semantic={})
    both = model.num_things_classes and model.num_stuff_classes
    return {k: x for k, x in tasks.items() if both or getattr(options, f"{k}_on")}


def check_size(path: Path) -> None:
    """Look at the size that a file names, before it is decoded.

    Raises:
        ValueError: A side is too long for the page.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
    except Image.DecompressionBombError as error:
        raise _too_large(path, str(error)) from None
    except OSError:
        return  # the loading says what it is
    if max(width, height) > MOST_PIXELS:
        raise _too_large(path, f"{width} x {height} pixels")


def _too_large(path: Path, size: str) -> ValueError:
    return ValueError(
        f"The image {path} is too large for the page ({size}), which takes sides of up "
        f"to {MOST_PIXELS} pixels; make it smaller, or give it to tools/predict.py."
    )


def segment_rows(found: Found, task: str) -> list[list[Any]]:
    """Rows of panoptic and semantic results, the class of most pixels first."""
    values, pixels = np.unique(found.encoded(task), return_counts=True)
    labels, names = values % INSTANCE_OFFSET, [*found.meta["classes"], "void"]
    rows = []
    for label in np.unique(labels).tolist():
        here = labels == label
        area, segments = int(pixels[here].sum()), int(here.sum())
        number = [segments if label < len(names) - 1 else 0]
        share = round(100 * area / int(pixels.sum()), 1)
        rows.append([names[label], *number * (task == "panoptic"), area, share])
    return sorted(rows, key=lambda row: -row[-2])


def instance_rows(found: Found, task: str) -> list[list[Any]]:
    """Rows of objects, the class of the surest one first."""
    result = found.result(task)
    labels, scores = as_array(result.labels), as_array(result.scores)
    rows = []
    for label in np.unique(labels).tolist():
        own = scores[labels == label]
        best = round(float(own.max()), 2)
        rows.append([found.meta["classes"][label], len(own), best])
    return sorted(rows, key=lambda row: -row[-1])
