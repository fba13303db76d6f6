"""What the transforms of a pipeline are: containers, loading, mixing."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from mmcv import transforms as host

Step = Any  # a transform: called with results, it returns results

_LABEL_LOADING = {"LoadAnnotations", "LoadPanopticMap"}  # and classes made of them
_CONTAINERS = (host.Compose, host.RandomApply, host.RandomChoice)


def name_of(step: Step) -> str:
    """What a message calls a transform."""
    return getattr(step, "__name__", type(step).__name__)


def flattened(steps: Iterable[Step]) -> Iterator[Step]:
    """The transforms, those that run others by chance or in turn replaced by these."""
    for step in steps:
        if isinstance(step, _CONTAINERS):
            inner = step.transforms
            yield from flattened(getattr(inner, "transforms", inner))
        else:
            yield step


def sampled(steps: Iterable[Step]) -> Iterator[Step]:
    """The transforms that an image meets: of those by chance or in turn, as drawn."""
    for step in steps:
        if isinstance(step, host.RandomChoice):
            yield from sampled([step.transforms[step.random_pipeline_index()]])
        elif isinstance(step, host.RandomApply):
            yield from sampled([step.transforms] * step.random_apply())
        elif isinstance(step, host.Compose):
            yield from sampled(step.transforms)
        else:
            yield step


def tried(steps: Iterable[Step]) -> Iterator[Step]:
    """Copies of the transforms before the packing; what may happen does happen."""
    for step in flattened(steps):
        if name_of(step).startswith("Pack"):
            return
        try:
            step = copy.deepcopy(step)
        except Exception:  # it holds a file or a lock
            continue
        chance = getattr(step, "prob", None)
        if isinstance(chance, float) and 0 < chance < 1:
            step.prob = 1.0
        yield step


def loads(step: Step) -> bool:
    """Whether a transform loads something, by its name."""
    return name_of(step).startswith("Load")


def loads_annotations(kind: type) -> bool:
    """Whether transforms of a class load what a model learns: maps, masks or boxes."""
    return not _LABEL_LOADING.isdisjoint(base.__name__ for base in kind.__mro__)


def loads_labels(step: Step) -> bool:
    """Whether a transform loads the map that training and evaluation compare with."""
    return bool(getattr(step, "with_seg", loads_annotations(type(step))))


def loads_masks(step: Step) -> bool:
    """Whether a transform loads boxes or masks of mmdet."""
    return loads(step) and bool(objects_of(step))


def objects_of(step: Step) -> str:
    """Which objects of mmdet a transform loads."""
    if getattr(step, "with_mask", False):
        return "masks"
    return "boxes" if getattr(step, "with_bbox", False) else ""


def number_of_others(step: Step) -> int:
    """How many ``mix_results`` a transform of the hosts wants besides an image."""
    if not (hasattr(step, "get_indexes") or hasattr(step, "get_indices")):
        return 0
    return 3 if "Mosaic" in name_of(step) else 1
