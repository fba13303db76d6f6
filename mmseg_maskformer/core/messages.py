"""Images, values and remedies as error messages and warnings name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .conventions import free_void

UNNAMED = "an unnamed image"
# what to do with a label map that is none
ONE_CHANNEL = (
    "it must have one channel of integers, the class of each pixel. Convert colour "
    "maps to class indices (docs/data.md)."
)
# what to do with COCO's results, a list, where annotations are needed
RESULTS_AS_LABELS = (
    " Of results, take annotations.json, which tools/predict.py writes beside "
    "instances.json."
)


def other_labels(void: str) -> str:
    """What to do with values of a label map that are neither classes nor void."""
    return (
        f"Write {void} where a pixel is void; otherwise name all classes, or set "
        "reduce_zero_label of the data sets if 0 means unlabelled."
    )


def other_void(owner: str, num_classes: int) -> str:
    """What to do with an ``ignore_index`` of somebody that is a class."""
    return (
        f"Set ignore_index of the {owner} to the label of void pixels, for example "
        f"{free_void(num_classes)}; reduce_zero_label=True of the data set makes label "
        "0 void."
    )


def image_name(meta: Mapping[str, Any]) -> str:
    """The file of an image, for a message; hosts say None of an array."""
    return meta.get("img_path") or UNNAMED


def shown(values: Iterable[object]) -> str:
    """The first eight values, for a message."""
    values = list(values)
    text, more = ", ".join(map(str, values[:8])), len(values) - 8
    return f"{text} and {more} more" if more > 0 else text


def not_there(what: str, path: object) -> str:
    """A sentence, without its end, about a path that may be relative."""
    return f"There is no {what} {path} (looked from {Path.cwd()})"
