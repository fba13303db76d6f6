"""Float32 for what users call, whatever the precision around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor

F = TypeVar("F", bound=Callable)


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` in float32, or in float64 where it has that already."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def without_autocast(device: torch.device) -> AbstractContextManager:
    """No autocast on a device; nothing to switch off on meta, which has none.

    Nor where it is not on: a context in an exported graph is one more graph, whose
    sizes torch's exporter does not follow.
    """
    # torch's own question about meta breaks the graph of its compiler
    if device.type == "meta" or not torch.is_autocast_enabled(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def full_precision(function: F) -> F:
    """Let a function see no autocast, and floating numbers in float32 at least.

    Tensors are raised where they are arguments, or stand in a named tuple of them. What
    the function calls need not guard itself.
    """

    @wraps(function)
    def guarded(*arguments: Any, **options: Any) -> Any:
        given = (*arguments, *options.values())
        device = next(_devices(given), torch.device("cpu"))
        raised = {name: _raised(x) for name, x in options.items()}
        with without_autocast(device):
            return function(*map(_raised, arguments), **raised)

    return guarded  # type: ignore[return-value]


def _raised(x: Any) -> Any:
    if isinstance(x, Tensor) and x.is_floating_point():
        return at_least_float32(x)
    return type(x)(*map(_raised, x)) if _is_named_tuple(x) else x


def _devices(arguments: Any) -> Iterator[torch.device]:
    for x in arguments:
        if isinstance(x, Tensor):
            yield x.device
        elif _is_named_tuple(x):
            yield from _devices(x)


def _is_named_tuple(x: Any) -> bool:
    return isinstance(x, tuple) and hasattr(x, "_fields")
