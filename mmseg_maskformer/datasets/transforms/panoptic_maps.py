"""Panoptic annotations in MMDetection's pipelines, one map of ids from disk to GPU.

The host makes one full-size mask per object; here a map of segment numbers goes through
the host's resizing, flipping and cropping, and masks are formed where they are needed.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet.datasets.transforms import PackDetInputs
from mmengine import fileio
from mmengine.structures import InstanceData, PixelData
from PIL import Image

from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.core.messages import image_name, shown
from mmseg_maskformer.datasets.coco.segments import segment_ids
from mmseg_maskformer.datasets.file_errors import (
    naming_file,
    refuse_jpeg,
    require_size_of_image,
)

from .panoptic_masks import MasksOfMap

_ONE_CHANNEL = ("1", "L", "LA", "I;16", "I;16B", "I;16L", "I", "F")  # Pillow's modes


class LoadPanopticMap(BaseTransform):
    """Load a panoptic PNG (id = R + 256 G + 65536 B) as a map of segment numbers.

    Needs ``seg_map_path`` and ``segments_info`` of a panoptic data set of the host; an
    image that comes without either, as in inference, goes on as it is. Adds
    ``gt_seg_map`` (H, W), 1, 2, ... without 255 in the order of the list and 0 where
    void, and ``segments``, a list of (number, class, is_thing). A listed segment
    without a pixel stays in the list: the authors' preparation of ADE20K lists stuff
    that objects cover altogether. Only ``PackPanopticInputs`` can pack these;
    transforms that fill in pixels must fill in 0 or 255.

    Args:
        backend_args: of the file's storage, as in the host's loading.

    Raises:
        OSError: The file is missing, incomplete or no image.
        ValueError: The file and its list of segments contradict each other.
    """

    def __init__(self, backend_args: dict | None = None) -> None:
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Add the map and the list of its segments."""
        if not (results.get("seg_map_path") or _is_labelled(results)):
            return results
        _check_panoptic(results)
        path = results["seg_map_path"]
        with naming_file("panoptic map", path):
            content = fileio.get(path, backend_args=self.backend_args)
            ids, mode = decoded_ids(content)
        refuse_jpeg(content, "panoptic map", path)
        require_size_of_image("panoptic map", ids.shape, results)
        listed = np.array([x["id"] for x in results["segments_info"]], dtype=np.int64)
        numbers = _numbers(ids, listed, mode, path)
        narrow = len(listed) < VOID
        results["gt_seg_map"] = numbers.astype(np.uint8 if narrow else np.int32)
        results.setdefault("seg_fields", []).append("gt_seg_map")
        results["segments"] = [
            (_number(place), segment["category"], segment["is_thing"])
            for place, segment in enumerate(results["segments_info"], start=1)
        ]
        return results


class PackPanopticInputs(BaseTransform):
    """The host's packing, with the segments of the image beside it.

    The data sample gets ``gt_segment_map`` (1, H, W) with the number of each pixel's
    segment, 0 where void, and ``gt_segments`` with ``ids``, ``labels`` and ``is_thing``
    of the segments. The host says of a crowd that it is no thing.

    Args:
        keep_empty: keep segments that were cropped away, with empty masks, as the
            paper's code does for panoptic targets.
        with_host_targets: also pack ``gt_instances`` of the things and ``gt_sem_seg``
            with the class of each pixel, 255 where void, for the host's own heads and
            metrics. The masks of the instances are made when they are read.
        kwargs: of the host's ``PackDetInputs``.

    Raises:
        ValueError: The map has numbers of no segment, or the class 255 should be packed
            for the host, where it is void.
    """

    def __init__(
        self, keep_empty: bool = True, with_host_targets: bool = False, **kwargs: Any
    ) -> None:
        self.keep_empty = keep_empty
        self.with_host_targets = with_host_targets
        self.pack = PackDetInputs(**kwargs)

    def transform(self, results: dict) -> dict:
        """Pack the image, its metas and its segments."""
        numbers = results.pop("gt_seg_map", None)
        packed = self.pack(results)
        if numbers is None:  # an image without annotation
            return packed
        numbers = _voided(numbers, results)
        sample = packed["data_samples"]
        segments = results["segments"]
        if not self.keep_empty:
            present = set(np.unique(numbers).tolist())
            segments = [segment for segment in segments if segment[0] in present]
        ids, labels, is_thing = np.array(segments, dtype=np.int64).reshape(-1, 3).T
        sample.gt_segments = InstanceData(
            ids=torch.from_numpy(ids.copy()),
            labels=torch.from_numpy(labels.copy()),
            is_thing=torch.from_numpy(is_thing.astype(bool)),
        )
        numbers = torch.from_numpy(np.ascontiguousarray(numbers))[None]
        sample.gt_segment_map = PixelData(data=numbers)
        if self.with_host_targets:
            _check_void_is_free(labels, results)
            last = max((x[0] for x in results["segments"]), default=0)
            classes = torch.full((last + 1,), VOID)
            classes[ids] = sample.gt_segments.labels
            sample.gt_sem_seg = PixelData(sem_seg=classes[numbers.long()])
            sample.gt_instances = _instances(sample.gt_segments, numbers[0].numpy())
        return packed


def decoded_ids(content: bytes) -> tuple[np.ndarray, str]:
    """(H, W) ids of a panoptic PNG, and Pillow's mode of the file."""
    with Image.open(io.BytesIO(content)) as image:
        return segment_ids(np.asarray(image.convert("RGB"))), image.mode


def check_ids(found: set[int], listed: np.ndarray, mode: str, path: str) -> None:
    """Refuse a panoptic map that contradicts the list of its segments.

    Args:
        found: ids of its pixels.
        listed: (G,) ids in the annotation file.
        mode: Pillow's, of the file.
        path: of the map.

    Raises:
        ValueError: The map is grey, has ids that are not listed or none that is, or
            the list has an id twice.
    """
    _check_listed_once(listed, path)
    if mode in _ONE_CHANNEL:
        _check_not_grey(mode, listed, path)
    _check_same_ids(found, {0, *listed.tolist()}, path)


def _instances(segments: InstanceData, numbers: np.ndarray) -> InstanceData:
    """The things among the segments, as the host's masks and boxes."""
    things = segments[segments.is_thing]
    masks = MasksOfMap(numbers, things.ids.numpy())
    return InstanceData(labels=things.labels, masks=masks, bboxes=masks.boxes())


def _number(place: int) -> int:
    """The number of a segment in its place of the list, from 1.

    None has 255, which the host's transforms fill in and which is void in its maps.
    """
    return place if place < VOID else place + 1


def _numbers(ids: np.ndarray, listed: np.ndarray, mode: str, path: str) -> np.ndarray:
    """Number of the segment of each id (H, W); 0 where the id is 0."""
    starts = np.flatnonzero(np.diff(ids.ravel(), prepend=-1))  # runs of one id
    found, inverse = np.unique(ids.ravel()[starts], return_inverse=True)
    known = {0: 0} | {int(x): _number(k) for k, x in enumerate(listed, start=1)}
    check_ids(set(found.tolist()), listed, mode, path)
    table = np.array([known[x] for x in found.tolist()])
    lengths = np.diff(starts, append=ids.size)
    return np.repeat(table[inverse], lengths).reshape(ids.shape)


def _is_labelled(results: dict) -> bool:
    """Whether the data set has annotations, be they of the right kind or not."""
    given = {"segments_info", "seg_map_path"} & set(results)
    return bool(given) and results.get("segments_info") != []


def _check_panoptic(results: dict) -> None:
    if "segments_info" not in results or not results.get("seg_map_path"):
        raise ValueError(
            f"The data set gives no list of segments or no panoptic map for "
            f"{image_name(results)}. LoadPanopticMap needs a panoptic data set, say "
            "mmseg_maskformer.CocoPanopticDataset with "
            "data_prefix=dict(img='...', seg='...')."
        )


def _check_listed_once(listed: np.ndarray, path: str) -> None:
    values, times = np.unique(listed, return_counts=True)
    wrong = values[(times > 1) | (values <= 0)]
    if wrong.size:
        raise ValueError(
            f"The annotation file lists the segment id(s) {shown(wrong)} of {path} "
            "twice or as 0, which is void. Give every segment a positive id of its own."
        )


def _check_same_ids(found: set[int], places: set[int], path: str) -> None:
    unlisted, listed = sorted(found - places), sorted(places - {0})
    if unlisted:
        turned = {x % 256 * 65536 + x // 256 % 256 * 256 + x // 65536 for x in found}
        grey = {x % 256 for x in found if x == x % 256 * 65793}  # R = G = B
        if len(grey) == len(found) and grey <= places:
            raise ValueError(_grey(path))
        if turned <= places:
            raise ValueError(
                f"The channels of {path} are in the order B, G, R: the other way round "
                "its ids are those that the annotation file lists. Write it as RGB, id "
                "= R + 256 G + 65536 B (OpenCV writes an array of B, G, R as RGB)."
            )
        raise ValueError(
            f"Pixels of {path} have the id(s) {shown(unlisted)}, which its entry in "
            "the annotation file does not list or MMDetection's CocoPanopticDataset "
            "dropped as too small. List them in segments_info and take "
            "mmseg_maskformer.CocoPanopticDataset, or paint the pixels black (void)."
        )
    if listed and not found & set(listed):
        raise ValueError(
            f"The annotation file lists the segment id(s) {shown(listed)} of {path}, "
            "but no pixel has any of them. Check that the two belong together."
        )


def _grey(path: str) -> str:
    return (
        f"{path} is grey and its values are ids: a panoptic map is an RGB image with "
        "id = R + 256 G + 65536 B. Write the id into the three channels (id2rgb of "
        "panopticapi does)."
    )


def _check_not_grey(mode: str, listed: np.ndarray, path: str) -> None:
    """Refuse a map of one channel, in which only grey ids could be right."""
    if mode in ("1", "L", "LA") and all(x % 256 * 65793 == x for x in listed):
        return
    raise ValueError(_grey(path))


def _check_void_is_free(labels: np.ndarray, results: dict) -> None:
    if VOID in labels:
        raise ValueError(
            f"{image_name(results)} has segments of class "
            f"{VOID}, which the host's semantic maps take for void. Leave "
            "with_host_targets=True out and evaluate by "
            "mmseg_maskformer.PanopticQuality."
        )


def _voided(numbers: np.ndarray, results: dict) -> np.ndarray:
    """The map with 0 for what transforms have filled in.

    Numbers that ``LoadPanopticMap`` has not listed are refused.
    """
    image = image_name(results)
    if "segments" not in results:
        raise ValueError(
            f"PackPanopticInputs has no list of segments for {image}: load its map "
            "with mmseg_maskformer.LoadPanopticMap, not with the host's loading."
        )
    listed = [0, VOID, *(x[0] for x in results["segments"])]
    found = set(np.flatnonzero(np.bincount(numbers.ravel())).tolist())
    strange = sorted(found - set(listed))
    if strange:
        raise ValueError(
            f"The segment map of {image} has number {strange[0]}, but its "
            f"{len(results['segments'])} segments have others: a transform has filled "
            "in pixels or changed numbers. Give it 0, void: pad_val=dict(img=128, "
            "seg=0) of Pad, seg_ignore_label=0 of geometric transforms."
        )
    return np.where(numbers == VOID, 0, numbers) if VOID in found else numbers
