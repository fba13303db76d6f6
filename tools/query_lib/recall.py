"""Average recall of the masks of queries as class-agnostic proposals.

As COCO's AR@100: of the 100 best masks of an image, whatever their class, each takes
the object that it overlaps most and that is still free; recall is averaged over IoU
thresholds from 0.50 to 0.95. Letters: Q queries, G objects, T thresholds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmseg_maskformer.core.inference import class_probs
from mmseg_maskformer.core.messages import image_name
from mmseg_maskformer.core.structures import Predictions
from mmseg_maskformer.core.tiling import Placement, iter_tiles

from .analysis import QueryError

THRESHOLDS = np.linspace(0.5, 0.95, 10)
MOST = 100  # proposals of an image


class ProposalRecall:
    """Counts the objects that the masks of every layer find.

    Objects are the things of an image, without crowds; where a model has no things
    its segments, in semantic segmentation one for each class.

    Args:
        num_things: classes of the model that are things.
        void: label of pixels of no class in semantic maps.
    """

    def __init__(self, num_things: int = 0, void: int = 255) -> None:
        self.num_things = num_things
        self.void = void
        self.objects = 0
        self.found: np.ndarray | None = None  # (L, T)

    def look(
        self, predictions: Predictions, samples: list, size: tuple[int, int]
    ) -> None:
        """Take the predictions of a batch whose input has that height and width."""
        number = len(predictions.class_logits)
        if self.found is None:
            self.found = np.zeros((number, len(THRESHOLDS)), dtype=np.int64)
        true = [object_masks(x, self.num_things, self.void) for x in samples]
        self.objects += sum(map(len, true))
        for layer in range(number):
            images = predictions.layer(layer).images()
            for sample, masks, output in zip(samples, true, images, strict=True):
                if not len(masks):
                    continue
                place = placement(sample.metainfo, size)
                classes, logits = output
                assert classes is not None  # it is no per-pixel model
                overlaps = proposal_overlaps(classes, logits, masks, place)
                self.found[layer] += found_objects(overlaps)

    def average(self) -> list[float]:
        """AR@100 of each layer in percent, NaN where there were no objects."""
        if self.found is None or not self.objects:
            return [float("nan")] * (0 if self.found is None else len(self.found))
        return (100 * self.found.mean(axis=1) / self.objects).tolist()


def proposal_overlaps(
    class_logits: Tensor, mask_logits: Tensor, objects: Tensor, place: Placement
) -> np.ndarray:
    """(min(Q, 100), G) IoU of masks, those of the surest classes first, and objects.

    Args:
        class_logits: (Q, K + 1).
        mask_logits: (Q, h, w); a mask is where they are positive.
        objects: (G, H, W) boolean, H and W those of ``place.out_size``.
        place: of the image in the input.
    """
    scores = class_probs(class_logits).amax(dim=1)
    best = scores.argsort(descending=True, stable=True)[:MOST]
    objects = objects.to(mask_logits.device)
    shared = mask_logits.new_zeros(len(best), len(objects), dtype=torch.int64)
    areas = shared.new_zeros(len(best))
    for rows, logits in iter_tiles(mask_logits[best], place):
        inside = (logits > 0).flatten(1).float()  # sums of a tile are exact
        shared += (inside @ objects[:, rows].flatten(1).float().T).long()
        areas += inside.sum(dim=1).long()
    either = areas[:, None] + objects.flatten(1).sum(dim=1) - shared
    return shared.cpu().numpy() / either.clamp(min=1).cpu().numpy()


def found_objects(overlaps: np.ndarray) -> np.ndarray:
    """(T,) number of objects that are found at each threshold.

    Args:
        overlaps: (Q, G) IoU, the best proposal first.
    """
    taken = np.zeros((len(THRESHOLDS), overlaps.shape[1]), dtype=bool)
    for row in overlaps:
        free = np.where(taken, -1.0, row)
        best = free.argmax(axis=1)
        hit = free.max(axis=1) >= THRESHOLDS
        taken[hit, best[hit]] = True
    return taken.sum(axis=1)


def object_masks(sample: Any, num_things: int, void: int) -> Tensor:
    """(G, H, W) boolean masks of the objects of a data sample.

    Raises:
        QueryError: It has no truth.
    """
    if "gt_segments" in sample:
        segments, numbers = sample.gt_segments, sample.gt_segment_map.data[0]
        ids = segments.ids[segments.is_thing] if num_things else segments.ids
        return numbers == ids.to(numbers.dtype)[:, None, None]
    if "masks" in sample.get("gt_instances", {}):
        masks = sample.gt_instances.masks
        return masks if isinstance(masks, Tensor) else masks.to_tensor(torch.bool, None)
    if "gt_sem_seg" in sample:
        labels = sample.gt_sem_seg.data[0]
        present = labels.unique()
        return labels == present[present != void][:, None, None]
    raise QueryError(
        f"{image_name(sample.metainfo)} has no masks of its objects; "
        "load its annotation in the pipeline of test_dataloader."
    )


def placement(meta: dict, size: tuple[int, int]) -> Placement:
    """Where the image of a data sample of either host lies in the input."""
    if "img_padding_size" in meta or "padding_size" in meta:
        from mmseg_maskformer.adapters.semantic import image_placement

        return image_placement(meta, size)
    return Placement.upper_left(size, meta["img_shape"], meta["ori_shape"])
