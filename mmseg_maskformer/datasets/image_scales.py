"""At which scale training shows images, and at which evaluation shows the same.

A network knows objects of the sizes that it was trained on. A pipeline of training that
resizes, beside one of evaluation that does not, shows large photos so much smaller that
results are poor for no reason that could be seen.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np

from .pipeline_checks import chains
from .pipeline_steps import Step, loads, name_of, sampled
from .trial_images import random_numbers

MOST = 2.0  # factor between the two that is not worth a word
REMEDY = (
    "Put dict(type='Resize', scale=..., keep_ratio=True), with the scale of the "
    "training pipeline's RandomResize, into the pipelines of val_dataloader and "
    "test_dataloader before labels are loaded (docs/data.md, Your own label maps)."
)
_IMAGES, _DRAWS = 5, 5  # images of a data set, and what a random resizing makes of each


class Scales(NamedTuple):
    """Pixels of an image, along a side, to a pixel of its file; medians of images."""

    trained: float  # by the training pipeline, over the range of a random resizing
    evaluated: float  # by the pipeline of evaluation
    ratio: float  # of the first to the second, of each image


def scales_differ(train: Any, val: Any) -> str:
    """A sentence if the scales differ by more than the factor ``MOST``, else "".

    Args:
        train: data set of training, of either host.
        val: data set of evaluation.
    """
    return difference(compared_scales(train, val))


def difference(scales: Scales | None) -> str:
    """That sentence, of scales that were compared."""
    if scales is None or 1 / MOST <= scales.ratio <= MOST:
        return ""
    than = f"{max(scales.ratio, 1 / scales.ratio):.1f} times"
    return (
        f"Training shows images at {scales.trained:.3g} times the size of their files, "
        f"evaluation at {scales.evaluated:.3g} (medians): in evaluation objects are "
        f"{than} {'smaller' if scales.ratio > 1 else 'larger'} than in training."
    )


def compared_scales(train: Any, val: Any) -> Scales | None:
    """Scales of some training images, spread over the data set, in both pipelines.

    Random numbers go on as if nothing had been drawn.

    Returns:
        None where no image can be tried: a file that cannot be read, a transform that
        mixes images.
    """
    evaluation = next((steps for _, steps in chains(val)), [])
    with random_numbers(seed=0):
        tried = [
            scales
            for leaf, steps in chains(train)
            if hasattr(leaf, "get_data_info")
            for index in spread(_IMAGES, len(leaf))
            if (scales := _of_image(leaf, index, steps, evaluation)) is not None
        ]
    if not tried:
        return None
    trained, evaluated = np.concatenate(tried, axis=1)
    return Scales(
        *map(float, map(np.median, (trained, evaluated, trained / evaluated)))
    )


def spread(count: int, length: int) -> list[int]:
    """``count`` places, or as many as there are, from the first to the last."""
    return np.linspace(0, length - 1, min(count, length)).astype(int).tolist()


def _of_image(
    leaf: Any, index: int, training: list[Step], evaluation: list[Step]
) -> np.ndarray | None:
    """(2, draws) scales of one image in training and in evaluation."""
    try:
        training, evaluation = copy.deepcopy((training, evaluation))
        loading = list(takewhile(loads, training))
        loaded = leaf.get_data_info(index)
        for step in loading:
            loaded = step(loaded)
        bare = {key: x for key, x in loaded.items() if not key.startswith("gt_")}
        evaluated = _scale(bare, (step for step in evaluation if not loads(step)))
        rest = training[len(loading) :]
        return np.array([(_scale(loaded, rest), evaluated) for _ in range(_DRAWS)]).T
    except Exception:  # of somebody's transform, or a file; others name what is wrong
        return None


def _scale(results: dict, steps: Iterable[Step]) -> float:
    """The product of what the transforms before the packing resize an image by."""
    # pixels may change, which alters no scale; the rest must not, as it holds places
    arrays = {key: x for key, x in results.items() if isinstance(x, np.ndarray)}
    others = {key: x for key, x in results.items() if key not in arrays}
    results, scale = arrays | copy.deepcopy(others), 1.0
    for step in sampled(steps):
        if name_of(step).startswith("Pack"):
            break
        results.pop("scale_factor", None)
        results = step(results)
        scale *= float(np.prod(results.get("scale_factor", 1.0))) ** 0.5
    return scale
