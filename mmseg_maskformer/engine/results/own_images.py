"""The test of a config for images of one's own: how they are loaded, what classes are.

The files of its data set are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.registry import DATASETS

from mmseg_maskformer.datasets.metainfo import metainfo_of
from mmseg_maskformer.datasets.palette import class_palette
from mmseg_maskformer.datasets.wrappers import leaf_configs
from mmseg_maskformer.engine.models import set_scope
from mmseg_maskformer.registry import SCOPE, type_name

from .unlabelled import without_labels

_LOADS = ("LoadImage", "LoadImageFromFile")


class OwnImages(NamedTuple):
    """How images are loaded, and what their classes are.

    Attributes:
        dataset: first of the test that wraps no other; its files have not been read.
        steps: of its pipeline without labels; the first one loads an image.
    """

    dataset: Any
    steps: list[dict[str, Any]]


def own_images(settings: Config) -> OwnImages:
    """Read the test of a config.

    Raises:
        ValueError: The config has no test, its data set is unknown, or images are
            loaded in a way of their own.
    """
    name = settings.filename
    if not settings.get("test_dataloader"):
        raise ValueError(
            f"{name} has no test_dataloader, whose pipeline images go through; write "
            "test_dataloader = val_dataloader in it."
        )
    leaf = leaf_configs(settings.test_dataloader.dataset)[0]
    set_scope(settings)
    try:  # without its files, which whoever has only images lacks
        dataset = DATASETS.build(dict(leaf, pipeline=[], lazy_init=True))
    except AssertionError as error:
        if str(error):
            raise ValueError(
                f"test_dataloader.dataset of {name} cannot be built: {error}."
            ) from error
        # without a word, some of MMSegmentation's look for files
        raise ValueError(
            f"test_dataloader.dataset.type={leaf['type']!r} of {name} wants its files. "
            "Where they are not, write test_dataloader = dict(dataset=dict(_delete_="
            "True, type='mmseg_maskformer.LabelMapDataset', metainfo=dict(classes="
            "...), pipeline=...)) with its classes and pipeline."
        ) from error
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"test_dataloader.dataset of {name} cannot be built: {error}. A data set "
            "of your own needs custom_imports, one of a host its default_scope."
        ) from error
    return OwnImages(dataset, _image_steps(leaf.get("pipeline", ()), name))


def _image_steps(pipeline: Sequence[dict], name: str) -> list[dict[str, Any]]:
    """Steps of a pipeline without labels; the first one loads an image."""
    steps = without_labels(pipeline)
    kinds = [type_name(step) for step in steps]
    if kinds and kinds[0] in _LOADS:
        return steps
    strange = [kind for kind in kinds if kind.startswith("Load")]
    if strange:
        raise ValueError(
            f"The pipeline of test_dataloader in {name} has {strange[0]}, and images "
            f"are given as files or arrays; let it begin with {' or '.join(_LOADS)}."
        )
    return [dict(type=f"{SCOPE}.LoadImage"), *steps]  # the data set draws its images


def classes_of(dataset: Any, name: str) -> dict[str, Any]:
    """What a data set says of its classes, with a colour for each.

    Args:
        dataset: of either host.
        name: of the config, for messages.

    Raises:
        ValueError: It does not name them, or names are no list.
    """
    meta = dict(metainfo_of(dataset))
    if not meta.get("classes"):
        raise ValueError(
            f"test_dataloader.dataset of {name} does not name its classes; write "
            "metainfo=dict(classes=(...)) in it."
        )
    palette, number = meta.get("palette"), len(meta["classes"])
    if not isinstance(palette, list | tuple) or len(palette) < number:
        meta["palette"] = class_palette(number)
    return meta
