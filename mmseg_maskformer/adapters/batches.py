"""Batches whose images differ in size, in inference and evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def size_by_size(step: Callable[[dict], list], data: Any) -> list:
    """Results of a batch, images of one size at a time, in the order of the batch.

    An image then gets what it gets alone: padding to the size of another would change
    what the network sees of it.

    Args:
        step: predicts a batch of images of one size.
        data: as a loader gives it, a dictionary of lists over images.
    """
    images = data.get("inputs") if isinstance(data, dict) else None
    if not isinstance(images, list | tuple):
        return step(data)  # stacked already
    sizes = [tuple(image.shape[-2:]) for image in images]
    if len(set(sizes)) < 2:
        return step(data)
    results: list[Any] = [None] * len(images)
    for size in dict.fromkeys(sizes):
        chosen = [index for index, x in enumerate(sizes) if x == size]
        part = {key: _chosen(values, chosen) for key, values in data.items()}
        for index, result in zip(chosen, step(part), strict=True):
            results[index] = result
    return results


def _chosen(values: Any, chosen: list[int]) -> Any:
    if not isinstance(values, list | tuple):
        return values
    return [values[index] for index in chosen]
