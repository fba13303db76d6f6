"""The test of a config for images of one's own: how they are loaded, what classes are.

The files of its data set are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.config import Config

from mmseg_maskformer.datasets.palette import class_palette
from mmseg_maskformer.datasets.wrappers import first_config

from .unlabelled import without_labels

_OURS = "mmseg_maskformer."
_LOADS = ("LoadImage", "LoadImageFromFile")


def first_dataset(settings: Config) -> dict[str, Any]:
    """Settings of the first data set of the test that wraps no other.

    Raises:
        ValueError: The config has no test.
    """
    if not settings.get("test_dataloader"):
        raise ValueError(
            f"{settings.filename} has no test_dataloader, whose pipeline images go "
            "through; write test_dataloader = val_dataloader in it."
        )
    return dict(first_config(settings.test_dataloader.dataset))


def image_steps(pipeline: Sequence[dict], name: str) -> list[dict]:
    """Steps of a pipeline without labels; the first one loads an image.

    Args:
        pipeline: of a data set.
        name: of the config, for messages.

    Raises:
        ValueError: Images are loaded in a way of their own.
    """
    steps = without_labels(pipeline)
    types = [getattr(x["type"], "__name__", x["type"]) for x in steps]
    kinds = [name.rpartition(".")[2] for name in types]
    if kinds and kinds[0] in _LOADS:
        return steps
    strange = [kind for kind in kinds if kind.startswith("Load")]
    if strange:
        raise ValueError(
            f"The pipeline of test_dataloader in {name} has {strange[0]}, and images "
            f"are given as files or arrays; let it begin with {' or '.join(_LOADS)}."
        )
    return [dict(type=f"{_OURS}LoadImage"), *steps]  # the data set draws its images


def classes_of(dataset: Any, name: str) -> dict[str, Any]:
    """What a data set says of its classes, with a colour for each.

    Args:
        dataset: of either host.
        name: of the config, for messages.

    Raises:
        ValueError: It does not name them.
    """
    meta = dict(dataset.metainfo)
    if not meta.get("classes"):
        raise ValueError(
            f"test_dataloader.dataset of {name} does not name its classes; write "
            "metainfo=dict(classes=(...)) in it."
        )
    palette, number = meta.get("palette"), len(meta["classes"])
    if not isinstance(palette, list | tuple) or len(palette) < number:
        meta["palette"] = class_palette(number)
    return meta
