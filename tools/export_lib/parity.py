"""An exported model beside PyTorch's, image by image: labels, logits, time, memory."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.structures import BaseDataElement, InstanceData
from torch import Tensor

from benchmark_lib.measure import resident_peak
from mmseg_maskformer.core.structures import ImageLogits
from mmseg_maskformer.core.tiling import Placement
from mmseg_maskformer.export.network import ExportableNetwork
from mmseg_maskformer.export.runtimes import Run
from mmseg_maskformer.inference import TASKS

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
        seconds: of all threads, of PyTorch and of the runtime.
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
class ExportComparison:
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
    read: Callable[[Path], tuple[np.ndarray, tuple[int, int]]],
    paths: Sequence[Path],
    largest: Path,
) -> ExportComparison:
    """Run both on images; each has seen an image of the size before it is timed.

    Args:
        network: in PyTorch.
        open_runtime: loads the exported file.
        read: gives of a file the input (1, C, H, W) and the size of its image.
        paths: of the files, which are read one by one.
        largest: the file of the largest input.
    """
    run, memory = _opened(network, open_runtime, read(largest)[0])
    compared = [_compare_image(network, run, path.name, *read(path)) for path in paths]
    return ExportComparison(compared, memory)


def _opened(
    network: ExportableNetwork, open_runtime: Callable[[], Run], image: np.ndarray
) -> tuple[Run, tuple[int, int]]:
    """The exported file, and the memory of both for an image."""
    with resident_peak() as runtime_peak:
        run = open_runtime()
        run(image)
    with resident_peak() as torch_peak:
        _in_torch(network, image)
    weights = sum(x.nbytes for x in network.state_dict().values())
    return run, (weights + torch_peak[0], runtime_peak[0])


def _compare_image(
    network: ExportableNetwork,
    run: Run,
    name: str,
    image: np.ndarray,
    size: tuple[int, int],
) -> ImageComparison:
    """One image (1, C, H, W), whose file has this size."""
    run(image), _in_torch(network, image)
    start = time.process_time()
    wanted = _in_torch(network, image)
    middle = time.process_time()
    outputs = run(image)
    end = time.process_time()
    found = {key: torch.from_numpy(x) for key, x in outputs.items()}
    inside = (image.shape[2], image.shape[3])
    height, width = (-(-x // network.divisor) * network.divisor for x in inside)
    placement = Placement.upper_left((height, width), inside, size)
    expected, given = (label_maps(network, x, placement) for x in (wanted, found))
    logits = [key for key in wanted if key != "labels"]
    return ImageComparison(
        name=name,
        size=inside,
        equal={key: int((x == given[key]).sum()) for key, x in expected.items()},
        pixels=next(iter(expected.values())).numel(),
        kinds={key: len(x.unique()) for key, x in expected.items()},
        differences={
            key: float((wanted[key] - found[key]).abs().max()) for key in logits
        },
        largest={key: float(wanted[key].abs().max()) for key in logits},
        seconds=(middle - start, end - middle),
    )


def _in_torch(network: ExportableNetwork, image: np.ndarray) -> Outputs:
    """Outputs by name."""
    with torch.no_grad():
        found = network(torch.from_numpy(image))
    found = found if isinstance(found, tuple) else (found,)
    return dict(zip(network.output_names, found, strict=True))


def own_rounding(
    network: ExportableNetwork, images: Iterable[np.ndarray]
) -> dict[str, float]:
    """The largest difference of PyTorch in float32 from float64, by output of logits.

    What no other runtime can be expected to stay below.
    """
    exact = copy.deepcopy(network).double()
    found: dict[str, float] = {}
    for image in images:
        wanted = _in_torch(exact, image.astype(np.float64))
        for key, x in _in_torch(network, image).items():
            difference = float((x - wanted[key]).abs().max())
            found[key] = max(found.get(key, 0.0), difference)
    return found


def label_maps(
    network: ExportableNetwork, outputs: Outputs, placement: Placement
) -> Outputs:
    """The results of ``test_cfg`` as maps (H, W) of whole numbers.

    ``semantic``: classes. ``panoptic``: class + 1000 * object, K where void.
    ``instance``: the class of the object with the highest score at a pixel, -1 where
    there is none.
    """
    if network.labels:
        return dict(semantic=outputs["labels"][0])
    logits = ImageLogits(
        outputs["class_logits"][0], outputs["mask_logits"][0], placement
    )
    sample = BaseDataElement()
    network.model.apply_rules(sample, logits, network.model.prediction_options())
    maps = {}
    for name, key in TASKS.items():
        if key not in sample:
            continue
        found = sample.get(key)
        if name == "instance":
            maps[name] = _instance_map(found, placement.out_size)
        else:  # MMDetection's samples have it by another name
            maps[name] = found.get("sem_seg", found.get("data"))[0]
    return maps


def _instance_map(found: InstanceData, size: tuple[int, int]) -> Tensor:
    painted = torch.full(size, -1)
    for mask, label in zip(found.masks.flip(0), found.labels.flip(0), strict=True):
        painted[mask] = label
    return painted
