"""Whether weights are those of a model: all of them, and of the same shapes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from .convert import REBUILT, Misshaped, Report

# What says nothing of a prediction: counters, tables that a model builds itself, heads
# that only training has, and what old versions of the hosts stored of normalisation.
_FREE = re.compile(rf"{REBUILT.pattern}|(auxiliary_head|data_preprocessor)\..*")
_SHOWN = 3  # names of each kind in a message
REMEDY = (
    "Take the config that the weights were trained with: its number of classes, "
    "backbone and decoder. To train on from what fits, name the file in load_from."
)


@dataclass(frozen=True)
class Misfit:
    """What keeps weights from being those of a model.

    Attributes:
        misshaped: tensors of the model that have another shape in the file.
        missing: tensors of the model that the file lacks.
        unexpected: tensors of the file that the model lacks.
        infinite: tensors of the file with numbers that are not finite.
        fitting: how many tensors of the model the file fills.
    """

    misshaped: Collection[Misshaped] = ()
    missing: Collection[str] = ()
    unexpected: Collection[str] = ()
    infinite: Collection[str] = ()
    fitting: int = 0

    def __str__(self) -> str:
        """How many, and the first of each kind."""
        kinds: dict[str, Collection[Any]] = {
            "of another shape": self.misshaped,
            "missing in the file": self.missing,
            "unknown to the model": self.unexpected,
            "with numbers that are not finite": self.infinite,
        }
        return "; ".join(
            f"{len(names)} tensor(s) {kind}, {_first([str(x) for x in names])}"
            for kind, names in kinds.items()
            if names
        )


def misfit(
    weights: Mapping[str, Tensor], target: Mapping[str, Tensor]
) -> Misfit | None:
    """How weights in a model's own names differ from what it needs to predict.

    Args:
        weights: tensors by name.
        target: the state dict of the model.
    """
    misshaped = [
        Misshaped(name, tuple(tensor.shape), str(tuple(weights[name].shape)))
        for name, tensor in target.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    common = {x: y for x, y in weights.items() if x in target}
    found = Misfit(
        misshaped,
        missing=_needed(x for x in target if x not in weights),
        unexpected=_needed(x for x in weights if x not in target),
        infinite=infinite(common),
        fitting=len(common) - len(misshaped),
    )
    return found if str(found) else None


def misfit_of_report(
    report: Report, others: Collection[str], converted: Mapping[str, Tensor]
) -> Misfit | None:
    """The same of foreign weights, by the account of their conversion.

    Args:
        report: of the conversion.
        others: tensors of the model that the layout is not about.
        converted: tensors in the model's own names.
    """
    found = Misfit(
        report.misshaped,
        missing=_needed([*report.missing, *others]),
        unexpected=_needed(report.extra),
        infinite=infinite(converted),
        fitting=len(report.filled),
    )
    return found if str(found) else None


def _needed(names: Iterable[str]) -> list[str]:
    """Those of the tensors that say something of a prediction."""
    return [name for name in names if not _FREE.fullmatch(name)]


def infinite(weights: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors that hold infinite numbers or none."""
    return [
        name
        for name, x in weights.items()
        if x.is_floating_point()
        and not _FREE.fullmatch(name)
        and not x.isfinite().all()
    ]


def watch_part(part: Any) -> None:
    """Let a part of a host's model note by itself whether the weights it loads fit."""
    part.weights_misfit = None
    part._register_load_state_dict_pre_hook(_note_misfit, with_module=True)


def _note_misfit(module: Any, weights: dict, prefix: str, *_: Any) -> None:
    own = {x.removeprefix(prefix): y for x, y in weights.items()}
    found = misfit(own, module.state_dict())
    # training may begin without the part, from a file of the others
    module.weights_misfit = found and replace(found, fitting=1)


def check_weights(model: Any) -> None:
    """Stop a model of ours that predicts with weights that did not fit.

    It has them in ``weights_misfit`` since it loaded them. In training that is how
    fine-tuning begins, and forgotten.

    Raises:
        ValueError: It is evaluated, or trained from a file that fills nothing of it.
    """
    found = model.weights_misfit
    if found is None:
        return
    if not model.training:
        raise ValueError(
            f"The weights that {type(model).__name__} has loaded do not fit it: "
            f"{found}. {REMEDY}"
        )
    if not found.fitting:
        raise ValueError(
            f"The file of load_from (or init_cfg) fills no tensor of "
            f"{type(model).__name__}, so that training would begin from scratch: "
            f"{found}. A backbone's own file belongs into init_cfg of the backbone."
        )
    model.weights_misfit = None


def _first(names: list[str]) -> str:
    text, more = ", ".join(names[:_SHOWN]), len(names) - _SHOWN
    return f"{text} and {more} more" if more > 0 else text
