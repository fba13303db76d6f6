"""A model without its wrappers, and names of tensors without what these put before."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from typing import Any

from .convert import detect_layout

logger = logging.getLogger(__name__)

# Of torch.compile, FSDP and activation checkpointing, in any place of a name.
_INSIDE = re.compile(
    r"(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
)
_PARALLEL = re.compile(r"(?<![^.])module\.")  # of (distributed) data parallel
_COUNTERS = {"steps", "n_averaged"}  # of averaged models
_DEPTH = 3  # parts of a prefix, as in "module.model.net."


def unwrapped(model: Any) -> Any:
    """The model inside of what wraps it for several processes or several views."""
    while hasattr(model, "module"):
        model = model.module
    return model


def strip_wrappers(weights: dict[str, Any], target: Collection[str]) -> None:
    """Give weights the names that they had before a model was wrapped, in place.

    Known are ``module.``, ``_orig_mod.`` and their like, and every prefix that all
    names of the model have in common (``model.`` of Lightning, ``ema_model.``, ...).
    What stands beside the latter belongs to the wrapper and is left out, with a line in
    the log.

    Args:
        weights: tensors by name, of this or a foreign layout.
        target: names of the model.

    Raises:
        ValueError: Two prefixes lead to a model, say a student and a teacher.
    """
    names = {name: _bare(name, target) for name in weights}
    dropped = [name for name in names if name in _COUNTERS and name not in target]
    if not _known(names.values(), target):
        prefix = _prefix(names.values(), target)
        dropped += [x for x, new in names.items() if not new.startswith(prefix)]
        names = {name: new[len(prefix) :] for name, new in names.items()}
        others = sorted(set(dropped) - _COUNTERS)
        if others:
            logger.warning(
                "The file has its model under %r. %d tensor(s) beside it are left out: "
                "%s.",
                *(prefix, len(others), ", ".join(others[:3])),
            )
    kept = {names[x]: tensor for x, tensor in weights.items() if x not in dropped}
    weights.clear()
    weights.update(kept)


def _bare(name: str, target: Collection[str]) -> str:
    """A name without the marks that may stand in any place of it."""
    if name in target:
        return name
    name = _INSIDE.sub("", name)
    bare = _PARALLEL.sub("", name)
    return bare if bare in target else name


def _known(names: Collection[str], target: Collection[str]) -> bool:
    """Whether these are names of the model, or of a layout that it knows."""
    return any(x in target for x in names) or detect_layout(names) is not None


def _prefix(names: Collection[str], target: Collection[str]) -> str:
    """The one behind which names are known; "" if there is none."""
    parts = [name.split(".")[:-1][:_DEPTH] for name in names]
    candidates = {
        "".join(f"{part}." for part in row[:length])
        for row in parts
        for length in range(1, len(row) + 1)
    }
    found: list[str] = []
    for prefix in sorted(candidates):  # the shorter first
        inside = [x.removeprefix(prefix) for x in names if x.startswith(prefix)]
        if _known(inside, target) and not any(prefix.startswith(x) for x in found):
            found.append(prefix)
    if len(found) > 1:
        raise ValueError(
            f"The file holds several models, under {' and '.join(map(repr, found))}. "
            "Save the one that is meant, without the prefix."
        )
    return found[0] if found else ""
