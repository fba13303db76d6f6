"""Segments of MMDetection's data samples as targets of the criterion.

They come as one map of segment numbers, which ``PackPanopticInputs`` packs, or as the
instances and the semantic map of the host's own pipelines. A map takes 4 bytes a pixel,
masks one a pixel and object, so masks that do not overlap become a map, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.core.messages import image_name
from mmseg_maskformer.core.targets import SegmentTargets


def segment_targets(
    samples: Sequence[Any],
    size: tuple[int, int],
    num_things: int,
    num_stuff: int,
    ignore_void: bool = False,
) -> list[SegmentTargets]:
    """The segments of each image, padded to the size of the input.

    Crowds are left out; segments without a pixel stay, with empty masks.

    Args:
        samples: data samples of the host.
        size: height and width of the input, padding included.
        num_things: classes 0..num_things-1 are things.
        num_stuff: the classes after them.
        ignore_void: leave void and padded pixels out of matching and mask losses.
            Void is what belongs to no segment; without classes of stuff that is
            background, and void are crowds alone, where no object covers them.

    Raises:
        ValueError: A label is no class of the model, masks or stuff are missing, or a
            map has another size than its image.
    """
    targets = [_target(sample, size, num_things, num_stuff) for sample in samples]
    _check_labels(targets, num_things, num_stuff)
    if ignore_void:
        for sample, target in zip(samples, targets, strict=True):
            target.valid = _labelled(target)
            if not num_stuff:
                target.valid |= _background(sample, size, num_things)
    return targets


def _target(
    sample: Any, size: tuple[int, int], num_things: int, num_stuff: int
) -> SegmentTargets:
    name = image_name(sample.metainfo)
    if "gt_segment_map" in sample:
        labels, ids = without_crowds(sample.gt_segments, num_things)
        segment_map = _padded(sample.gt_segment_map.data[0], sample, size)
        ids = ids.to(segment_map.dtype)
        return SegmentTargets(labels, segment_map, ids, name=name)
    labels, masks = _things(sample, name)
    things = _numbered(masks)
    maps = _padded(
        (masks if things is None else things).to(labels.device), sample, size
    )
    if num_stuff:
        found, semantic = _stuff(sample, size, num_things, num_stuff, name)
        maps = _with_stuff(maps, len(labels), found, semantic)
        labels = torch.cat([labels, found])
    if maps.dim() == 3:
        return SegmentTargets.from_masks(labels, maps, name=name)
    ids = torch.arange(1, len(labels) + 1, dtype=maps.dtype, device=maps.device)
    return SegmentTargets(labels, maps, ids, name=name)


def _numbered(masks: Tensor) -> Tensor | None:
    """(H, W) number of each pixel's mask, from 1, 0 where none; None if masks overlap.

    Masks (G, H, W) on a GPU stay as they are: it would be asked about each of them.
    """
    if masks.device.type != "cpu":
        return None
    numbers = np.zeros(masks.shape[1:], dtype=np.int32)
    flat = numbers.reshape(-1)
    for number, mask in enumerate(masks.numpy(), start=1):
        covered = np.flatnonzero(mask.reshape(-1) != 0)
        if flat[covered].any():
            return None
        flat[covered] = number
    return torch.from_numpy(numbers)


def _with_stuff(
    things: Tensor, num_objects: int, labels: Tensor, semantic: Tensor
) -> Tensor:
    """Objects with the stuff behind them, in the same form where that is possible.

    Args:
        things: (H, W) numbers from 1, or (G, H, W) masks.
        num_objects: G.
        labels: (S,) classes of stuff that occur.
        semantic: (H, W) class of each pixel.
    """
    if things.dim() == 2:
        stuff = torch.isin(semantic, labels.to(semantic.dtype))
        if not (stuff & (things > 0)).any():
            for number, label in enumerate(labels.tolist(), start=num_objects + 1):
                things = things.masked_fill(semantic == label, number)
            return things
        numbers = torch.arange(1, num_objects + 1, device=things.device)
        things = things == numbers[:, None, None]
    return torch.cat([things, semantic == labels[:, None, None]])


def crowds(segments: Any, num_things: int) -> Tensor:
    """Which segments of a map are crowds: of a thing's class, and no things."""
    return ~segments.is_thing & (segments.labels < num_things)


def without_crowds(segments: Any, num_things: int) -> tuple[Tensor, Tensor]:
    """Labels and ids (G,) of the segments of a map that are no crowds."""
    # the host's container takes no index of another device than the CPU or CUDA
    kept = (~crowds(segments, num_things)).nonzero().flatten()
    return segments.labels[kept], segments.ids[kept]


def _labelled(target: SegmentTargets) -> Tensor:
    """(H, W) boolean: pixels that belong to a segment."""
    if target.segment_map.dim() == 3:
        return target.segment_map.any(dim=0).bool()  # of bytes it gives bytes
    return target.class_map() >= 0


def _background(sample: Any, size: tuple[int, int], num_things: int) -> Tensor:
    """(H, W) boolean: pixels of the image that belong to no crowd."""
    if "gt_segment_map" in sample:
        numbers, segments = sample.gt_segment_map.data[0], sample.gt_segments
        ids = segments.ids[crowds(segments, num_things)].to(numbers.dtype)
        ignored = torch.isin(numbers, ids)
    else:
        instances = sample.gt_instances
        masks, device = instances.masks, instances.labels.device
        dense = isinstance(masks, Tensor)
        whole = masks.shape[1:] if dense else (masks.height, masks.width)
        ignored = torch.zeros(whole, dtype=torch.bool, device=device)
        if "masks" in sample.get("ignored_instances", {}):
            ignored |= _as_tensor(sample.ignored_instances).any(dim=0).to(device).bool()
    return _padded(~ignored, sample, size, value=False)


def _as_tensor(instances: Any) -> Tensor:
    """Masks (G, H, W) of the host's instances where they lie, 0 off the object.

    Bitmaps are not copied.
    """
    masks = instances.masks
    if isinstance(masks, Tensor):
        return masks.bool()
    array = np.require(masks.to_ndarray(), requirements=["C", "W"])
    plain = array.dtype in (np.bool_, np.uint8)
    return torch.from_numpy(array if plain else array != 0)


def _things(sample: Any, name: str) -> tuple[Tensor, Tensor]:
    """Labels (G,) and masks (G, H, W) of the host's instances."""
    instances = sample.get("gt_instances", {})
    if "masks" not in instances:
        raise ValueError(
            f"{name} has neither a segment map nor instance masks. Load annotations in "
            "the training pipeline: mmseg_maskformer.LoadPanopticMap and "
            "PackPanopticInputs, or LoadAnnotations(with_mask=True) and PackDetInputs."
        )
    return instances.labels, _as_tensor(instances)


def _stuff(
    sample: Any, size: tuple[int, int], num_things: int, num_stuff: int, name: str
) -> tuple[Tensor, Tensor]:
    """Classes (S,) of the stuff in the host's semantic map, and that map (H, W)."""
    if "gt_sem_seg" not in sample:
        raise ValueError(
            f"{name} has instances but no map of stuff, and the model has "
            f"num_stuff_classes={num_stuff}. Use a panoptic data set with "
            "mmseg_maskformer.LoadPanopticMap and PackPanopticInputs, or set "
            "num_stuff_classes=0."
        )
    if num_things + num_stuff > VOID:
        raise ValueError(
            f"The semantic map of {name} takes {VOID} for void, and the model has "
            f"{num_things + num_stuff} classes. Load segments with mmseg_maskformer."
            "LoadPanopticMap and PackPanopticInputs, which have no such limit."
        )
    semantic = _padded(sample.gt_sem_seg.sem_seg[0], sample, size, VOID)
    labels = semantic.unique()
    labels = labels[(labels >= num_things) & (labels != VOID)]
    return labels.long(), semantic


def _check_labels(
    targets: Sequence[SegmentTargets], num_things: int, num_stuff: int
) -> None:
    """Refuse labels that are no class, before they become an index."""
    num_classes = num_things + num_stuff
    labels = torch.cat([target.labels for target in targets]).tolist()
    if all(0 <= label < num_classes for label in labels):
        return
    for target in targets:
        wrong = [x for x in target.labels.tolist() if not 0 <= x < num_classes]
        if wrong:
            raise ValueError(
                f"{target.name} has segments of class {sorted(set(wrong))}, but "
                f"num_things_classes={num_things} and num_stuff_classes={num_stuff} "
                f"allow 0..{num_classes - 1}. Set them to the numbers of thing and "
                "stuff classes of the data set."
            )


def _padded(maps: Tensor, sample: Any, size: tuple[int, int], value: int = 0) -> Tensor:
    """Maps (..., H, W) of an image, or of the input, padded below and to the right."""
    height, width = maps.shape[-2:]
    image = tuple(sample.metainfo.get("img_shape", size)[:2])
    if (height, width) not in (image, tuple(size)):
        raise ValueError(
            f"The annotation of {image_name(sample.metainfo)} has {height} x "
            f"{width} pixels, but its image {image[0]} x {image[1]} (height x width). "
            "Load annotations before the training pipeline resizes."
        )
    if (height, width) == tuple(size):
        return maps  # padding by nothing would copy
    return F.pad(maps, (0, size[1] - width, 0, size[0] - height), value=value)
