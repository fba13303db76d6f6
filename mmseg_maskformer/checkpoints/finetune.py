"""Weights of a model of other classes, as a training begins with them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from .convert import REBUILT
from .fit import Misfit
from .layout import NETWORK, QUERIES
from .loading import make_ours

# Rows of these belong to classes; so do queries, of a per-pixel model.
_CLASSIFIERS = re.compile(
    rf"{NETWORK}\.(class_head|classifier)\.\w+|auxiliary_head\.(.+\.)?conv_seg\.\w+"
)
_QUERIES = re.compile(rf"{QUERIES}\.query_(embed|content)\.weight")


@dataclass(frozen=True)
class Beginning:
    """Where the tensors of a model come from.

    Attributes:
        loaded: names of those of the file.
        left: name, shape and reason of those that stay as they were initialised.
    """

    loaded: list[str]
    left: list[str]

    def __str__(self) -> str:
        """How many of each part are loaded; each one that is left."""
        parts = Counter(_part(name) for name in self.loaded)
        counts = ", ".join(f"{part} {count}" for part, count in parts.items())
        left = "\n  ".join(self.left) or "nothing"
        return (
            f"{len(self.loaded)} tensors loaded ({counts}).\n"
            f"Left as initialised:\n  {left}"
        )


def begin_with(model: Any, weights: dict[str, Tensor], others: str = "") -> Beginning:
    """Make weights those of a model, in place, but for what belongs to classes.

    A classifier of another number of classes keeps the model's own values, one of as
    many others does, and queries of another number do. All else has to fit.

    Args:
        model: of this package, as it was initialised.
        weights: tensors of a file by name, in any layout.
        others: why the classes are not those of the file; "" where they are.

    Raises:
        ValueError: Something else of the file does not fit the model.
    """
    make_ours(model, weights)
    found = model.weights_misfit or Misfit()
    model.weights_misfit = None
    _refuse_others(found)
    target = model.state_dict()
    misshaped = {x.name: x for x in found.misshaped}
    per_pixel = model.decode_head.network.per_pixel
    loaded, left = [], []
    for name, tensor in target.items():
        of_classes = _CLASSIFIERS.fullmatch(name) or (
            per_pixel and _QUERIES.fullmatch(name)
        )
        if name in misshaped:
            left.append(str(misshaped[name]))
        elif name not in weights:
            if not REBUILT.fullmatch(name):
                left.append(f"{name} {tuple(tensor.shape)}, not in the file")
        elif of_classes and others:
            left.append(f"{name} {tuple(tensor.shape)}, as {others}")
        else:
            loaded.append(name)
    kept = {name: weights[name] for name in loaded}
    weights.clear()
    weights.update({**target, **kept})
    return Beginning(loaded, left)


def _refuse_others(found: Misfit) -> None:
    """Stop where more than classes and the number of queries differs."""
    wrong = [
        x
        for x in found.misshaped
        if not (_CLASSIFIERS.fullmatch(x.name) or _QUERIES.fullmatch(x.name))
    ]
    if faults := str(replace(found, misshaped=wrong)):
        raise ValueError(
            f"{faults}. Classes and the number of queries may differ, nothing else: "
            "take the config that the weights were trained with and change these. To "
            "begin with whatever fits, name the file in load_from; that of a backbone "
            "belongs into init_cfg of the backbone."
        )


def _part(name: str) -> str:
    """The part of a model that a tensor belongs to."""
    return ".".join(name.split(".")[: 3 if name.startswith(NETWORK) else 1])
