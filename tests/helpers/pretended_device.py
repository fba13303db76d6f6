"""A device for computers that have none but the CPU.

Its tensors are held on the CPU and say that they are elsewhere. They refuse to be mixed
with those of the CPU, as on any GPU, and float64 and some operators, as on Apple's.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._library.custom_ops import OPDEFS
from torch.utils import _pytree, backend_registration
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

NAME = "pretended"
WAITS: Counter[str] = Counter()  # for values of the device, by operator
ASKING = {
    "_local_scalar_dense",
    "_unique2",
    "bincount",
    "equal",
    "masked_select",
    "nonzero",
}
LACKING = {"take"}  # what torch 2.14 has no kernel for on Apple's GPUs, of what we had
INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"}


class Elsewhere(Tensor):
    """A tensor of the pretended device."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: Tensor) -> Elsewhere:
        """Held on the CPU."""
        found = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(NAME, 0),
        )
        found.held = held
        return found

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        """Any operator."""
        return _run(func, args, kwargs or {})

    def tolist(self) -> Any:
        """As of any device; torch refuses it to subclasses."""
        return self.cpu().tolist()

    def __getitem__(self, index: Any) -> Tensor:
        """Lists are indices on the CPU; torch makes them where no operator is seen."""
        parts = index if isinstance(index, tuple) else (index,)
        kinds = (list, np.ndarray)
        found = (torch.as_tensor(x) if isinstance(x, kinds) else x for x in parts)
        return super().__getitem__(tuple(found))


class _Everywhere(TorchDispatchMode):
    """Sees the operators that make a tensor out of none, too."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


def _run(func: Any, args: tuple, kwargs: dict) -> Any:
    if func is torch.ops.prim.device.default:
        return args[0].device
    if func.namespace != "aten" and func._schema.name in OPDEFS:
        with _Everywhere():  # what it consists of is seen, too
            return OPDEFS[func._schema.name]._init_fn(*args, **kwargs)
    name = func._schema.name.split("::")[1]
    values, form = _pytree.tree_flatten((args, kwargs))
    tensors = [x for x in values if isinstance(x, Tensor)]
    elsewhere = any(isinstance(x, Elsewhere) for x in tensors)
    if elsewhere:
        if name in LACKING:
            raise NotImplementedError(f"{name} is not on every GPU")
        _refuse_mixtures(name, args, tensors)
        if waits := _waits(name, args, kwargs):
            WAITS[name] += waits
    asked = kwargs.get("device")
    stays = elsewhere if asked is None else torch.device(asked).type == NAME
    held_args, held_kwargs = _pytree.tree_unflatten([_held(x) for x in values], form)
    held_kwargs.pop("pin_memory", None)
    found = func(*held_args, **held_kwargs)
    if stays:
        _refuse_float64(name, found)
        found = _pytree.tree_map_only(Tensor, Elsewhere, found)
        if elsewhere:
            found = return_and_correct_aliasing(func, args, kwargs, found)
    return found


def _held(value: Any) -> Any:
    if isinstance(value, Elsewhere):
        return value.held
    if isinstance(value, torch.device) and value.type == NAME:
        return torch.device("cpu")
    return value


def _refuse_mixtures(name: str, args: tuple, tensors: list[Tensor]) -> None:
    """CUDA takes numbers (tensors without dimension) and indices of the CPU alone."""
    if name in ("copy_", "_to_copy"):
        return
    indices = [x for x in args[1] if x is not None] if name in INDEXING else []
    for tensor in tensors:
        if isinstance(tensor, Elsewhere) or any(tensor is x for x in indices):
            continue
        changed = name.endswith("_") and tensor is args[0]
        if tensor.dim() or changed or name in ("cat", "stack"):
            shapes = [(type(x).__name__, tuple(x.shape)) for x in tensors]
            raise RuntimeError(f"{name} mixes devices: {shapes}")


def _refuse_float64(name: str, found: Any) -> None:
    for x in _pytree.tree_leaves(found):
        if isinstance(x, Tensor) and x.dtype == torch.float64:
            raise TypeError(f"{name} gives float64, which not every GPU has")


def _waits(name: str, args: tuple, kwargs: dict) -> int:
    """How often an operator asks the device for a value."""
    if name == "_to_copy":
        return "device" in kwargs and torch.device(kwargs["device"]).type == "cpu"
    if name == "copy_":
        return not isinstance(args[0], Elsewhere)
    if name in INDEXING:
        return sum(isinstance(x, Elsewhere) and x.dtype == torch.bool for x in args[1])
    return name in ASKING


class _Module(backend_registration._DummyBackendModule):
    """torch.pretended: what recomputing in the backward pass asks for."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]

    def get_rng_state(self, device: Any = None) -> Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: Tensor, device: Any = None) -> None:
        torch.set_rng_state(state)


def pretend() -> None:
    """Let this process have the device, for good."""
    backend_registration._setup_privateuseone_for_python_backend(NAME, _Module())
    # a thread of the device would not know of _Everywhere
    torch.autograd.set_multithreading_enabled(False)
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    for name in ("tensor", "as_tensor"):
        setattr(torch, name, _placed_later(getattr(torch, name)))
    _Everywhere().__enter__()


def _placed_later(make: Any) -> Any:
    """torch.tensor and its like, which copy to a device where no operator is seen."""

    def placed(data: Any, *args: Any, device: Any = None, **kwargs: Any) -> Tensor:
        if isinstance(data, Elsewhere):
            return data.to(device=device, **kwargs)
        found = make(data, *args, **kwargs)
        return found if device is None else found.to(device)

    return placed
