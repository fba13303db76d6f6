"""An exported model beside PyTorch's, image by image: labels, logits, time, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark_lib.measure import resident_peak
from mmseg_maskformer.core.inference import semantic_labels
from mmseg_maskformer.core.instances import instances
from mmseg_maskformer.core.panoptic import detr_segments, panoptic_segments
from mmseg_maskformer.core.tiling import Placement
from mmseg_maskformer.export.network import ExportableNetwork
from mmseg_maskformer.export.runtimes import Run
from run_exported import read_image

Outputs = dict[str, Tensor]


@dataclass(frozen=True)
class Limits:
    """What an exported model must reach.

    Attributes:
        labels: least share of equal labels in every result of all images together.
        logits: largest difference of any logit; None where it is only reported.
    """

    labels: float
    logits: float | None


FLOAT32 = Limits(labels=0.999, logits=1e-3)
HALF = Limits(labels=0.99, logits=None)


@dataclass(frozen=True)
class ImageComparison:
    """One image in both.

    Attributes:
        name: of the file.
        size: height and width of the network's input.
        equal: by result, number of pixels with equal labels.
        pixels: of the result.
        kinds: by result, how many labels PyTorch's has.
        differences: by output, the largest difference of a logit.
        largest: by output, the largest logit.
        seconds: of PyTorch and of the runtime.
    """

    name: str
    size: tuple[int, int]
    equal: dict[str, int]
    pixels: int
    kinds: dict[str, int]
    differences: dict[str, float]
    largest: dict[str, float]
    seconds: tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """All images, and the memory of the largest of them.

    Attributes:
        images: in their order.
        memory: bytes of PyTorch and of the runtime, weights included; -1 unknown.
    """

    images: Sequence[ImageComparison]
    memory: tuple[int, int]

    def equal_labels(self) -> dict[str, float]:
        """By result, the share of equal labels in all images together."""
        pixels = sum(image.pixels for image in self.images)
        names = self.images[0].equal
        return {n: sum(image.equal[n] for image in self.images) / pixels for n in names}

    def largest_difference(self) -> dict[str, float]:
        """By output, over all images."""
        names = self.images[0].differences
        return {n: max(image.differences[n] for image in self.images) for n in names}

    def faults(self, limits: Limits) -> list[str]:
        """What exceeds the limits, with numbers; no number at all does, too."""
        shares = self.equal_labels()
        found = [
            f"{name}: {share:.4%} of labels are equal, below {limits.labels:.1%}"
            for name, share in shares.items()
            if not share >= limits.labels
        ]
        return found + [
            f"{name} differ by {value:.2e}, above {limits.logits:.0e}"
            for name, value in self.largest_difference().items()
            if limits.logits is not None and not value <= limits.logits
        ]


def compare(
    network: ExportableNetwork,
    open_runtime: Callable[[], Run],
    paths: Sequence[Path],
    description: dict[str, Any],
) -> Comparison:
    """Run both on images; each has seen an image of the size before it is timed.

    Args:
        network: in PyTorch.
        open_runtime: loads the exported file.
        paths: of the images.
        description: as ``describe`` gives it.
    """
    inputs = [read_image(path, description) for path in paths]
    largest = max((image for image, _ in inputs), key=np.size)

    def in_torch(image: np.ndarray) -> Outputs:
        with torch.no_grad():
            found = network(torch.from_numpy(image))
        found = found if isinstance(found, tuple) else (found,)
        return dict(zip(network.output_names, found, strict=True))

    with resident_peak() as runtime_peak:
        run = open_runtime()
        run(largest)
    with resident_peak() as torch_peak:
        in_torch(largest)
    weights = sum(x.nbytes for x in network.state_dict().values())
    images = []
    for path, (image, size) in zip(paths, inputs, strict=True):
        run(image), in_torch(image)
        wanted, torch_seconds = _timed(in_torch, image)
        outputs, seconds = _timed(run, image)
        found = {name: torch.from_numpy(x) for name, x in outputs.items()}
        place = _placement(network, map_size(image), size)
        maps = [label_maps(network, x, place) for x in (wanted, found)]
        images.append(
            _image(path.name, map_size(image), wanted, found, maps)(
                (torch_seconds, seconds)
            )
        )
    return Comparison(images, (weights + torch_peak[0], runtime_peak[0]))


def map_size(image: np.ndarray) -> tuple[int, int]:
    """Height and width of an image (1, C, H, W)."""
    return image.shape[2], image.shape[3]


def _timed(function: Callable[[np.ndarray], Any], image: np.ndarray) -> Any:
    start = time.perf_counter()
    result = function(image)
    return result, time.perf_counter() - start


def _image(
    name: str,
    size: tuple[int, int],
    wanted: Outputs,
    found: Outputs,
    maps: Sequence[Outputs],
) -> Callable[[tuple[float, float]], ImageComparison]:
    """The comparison of one image but for its times."""
    logits = [key for key in wanted if key != "labels"]
    expected, given = maps
    return lambda seconds: ImageComparison(
        name=name,
        size=size,
        equal={key: int((x == given[key]).sum()) for key, x in expected.items()},
        pixels=next(iter(expected.values())).numel(),
        kinds={key: len(x.unique()) for key, x in expected.items()},
        differences={
            key: float((wanted[key] - found[key]).abs().max()) for key in logits
        },
        largest={key: float(wanted[key].abs().max()) for key in logits},
        seconds=seconds,
    )


def _placement(
    network: ExportableNetwork, inside: tuple[int, int], size: tuple[int, int]
) -> Placement:
    """Where the image lies in the padded input, and the size of the file's image."""
    height, width = inside
    divisor = network.divisor
    padded = (-(-height // divisor) * divisor, -(-width // divisor) * divisor)
    return Placement(padded, (0, height, 0, width), size)


def label_maps(
    network: ExportableNetwork, outputs: Outputs, placement: Placement
) -> Outputs:
    """The results of ``test_cfg`` as maps (H, W) of whole numbers.

    ``semantic``: classes. ``panoptic``: class + 1000 * number of the segment, -1 where
    void. ``instance``: the class of the object with the highest score at a pixel, -1
    where there is none.
    """
    if network.labels:
        return dict(semantic=outputs["labels"][0])
    image = (outputs["class_logits"][0], outputs["mask_logits"][0], placement)
    things = getattr(network.model, "num_things_classes", None)
    if things is None:
        return dict(semantic=semantic_labels(*image))
    options, maps = network.model.prediction_options(), {}
    if options.semantic_on:
        maps["semantic"] = semantic_labels(*image, resize_logits=True)
    if options.panoptic_on:
        maps["panoptic"] = _panoptic_map(image, things, options)
    if options.instance_on:
        maps["instance"] = _instance_map(image, things, options)
    return maps


def _panoptic_map(image: Any, things: int, options: Any) -> Tensor:
    if options.panoptic_rule == "detr":
        found = detr_segments(*image, things, options.object_mask_thr)
    else:
        inside = options.panoptic_rule == "mask2former"
        thresholds = (options.object_mask_thr, options.iou_thr)
        found = panoptic_segments(*image, things, *thresholds, inside_masks=inside)
    codes = found.labels + 1000 * torch.arange(1, len(found.labels) + 1)
    return torch.cat([torch.tensor([-1]), codes])[found.segment_map.long()]


def _instance_map(image: Any, things: int, options: Any) -> Tensor:
    limits = (options.max_per_image, options.score_thr, options.one_per_query)
    found = instances(*image, things, *limits)
    painted = torch.full(image[2].out_size, -1)
    for mask, label in zip(found.masks.flip(0), found.labels.flip(0), strict=True):
        painted[mask] = label
    return painted
