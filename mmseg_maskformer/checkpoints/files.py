"""Read a checkpoint file of any kind into tensors, without running code from it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmseg_maskformer.compat import load_safely

# What a pickled NumPy array is made of, under the module names of NumPy 1 and 2.
_ARRAY_PARTS = {
    ("collections", "OrderedDict"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    *(
        (f"numpy.{package}.{module}", name)
        for package in ("core", "_core")
        for module, name in (
            ("multiarray", "_reconstruct"),
            ("numeric", "_frombuffer"),
        )
    ),
}
_CONTAINERS = ("model", "state_dict")


class _ArrayUnpickler(pickle.Unpickler):
    """Builds NumPy arrays and plain containers, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ARRAY_PARTS:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, but only NumPy arrays and plain "
                "containers are read from a pickle"
            )
        return super().find_class(module, name)


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file by name.

    Args:
        path: a ``.pkl`` of NumPy arrays (detectron2), a ``.safetensors`` file, or what
            ``torch.save`` writes. The tensors may stand under ``model`` or
            ``state_dict``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, holds something else, or wants to run code.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint file {path}.")
    readers = {".pkl": _read_pickle, ".safetensors": _read_safetensors}
    try:
        content = readers.get(path.suffix, load_safely)(path)
    except (
        pickle.UnpicklingError,
        EOFError,
        RuntimeError,
        ValueError,
        KeyError,
    ) as error:
        raise ValueError(
            f"{path} cannot be read as a checkpoint: {error or 'it ends too early'}. "
            "If it was downloaded, delete it and download it again; if it asks for "
            "code, do not trust it."
        ) from error
    return _tensors(content, path)


def _read_pickle(path: Path) -> Any:
    with path.open("rb") as file:
        # latin1: names and arrays pickled by Python 2 are read as well
        return _ArrayUnpickler(file, encoding="latin1").load()


def _read_safetensors(path: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise ImportError(f"Reading {path} needs: pip install safetensors") from error
    return load_file(path)


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    """The state dict inside what a file holds."""
    for name in _CONTAINERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping):
        raise ValueError(
            f"{path} holds a {type(content).__name__}, not tensors by name."
        )
    found = {}
    for name, value in content.items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            value = torch.from_numpy(value.copy())
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ValueError(
                f"{path} holds a {type(value).__name__} under {name!r}, where a tensor "
                "is expected."
            )
        found[name] = value
    return found
