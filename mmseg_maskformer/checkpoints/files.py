"""Read a checkpoint file of any kind into tensors, without running code from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmseg_maskformer.compat import load_safely

from .pickles import PickledArray, read_pickle

# What programs call the tensors in their files; of weights and their moving average
# mmengine puts the average into "state_dict" itself.
_CONTAINERS = (
    *("state_dict", "model", "model_state_dict", "module", "network", "net"),
    *("weights", "model_ema", "ema_state_dict", "ema"),
)
_REFUSAL = re.compile(r"[Uu]nsupported(?: global:)? GLOBAL (\S+)")  # torch's words


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
    return tensors_by_name(read_content(path), path)


def read_content(path: str | Path, map_location: Any = "cpu") -> Any:
    """All that a file holds; arrays of a ``.pkl`` as :class:`PickledArray`.

    Args:
        path: as for :func:`read_checkpoint`.
        map_location: as for ``torch.load``, of what ``torch.save`` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or wants to run code.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no checkpoint file {path} (looked from {Path.cwd()})."
        )
    try:
        if path.suffix.lower() == ".pkl":
            return read_pickle(path)
        if path.suffix.lower() == ".safetensors":
            return _read_safetensors(path)
        return load_safely(path, map_location)
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read as a checkpoint: {_reason(error)}. If it was "
            "downloaded, delete it and download it again; if it asks for code, do not "
            "trust it, or if it is your own, save its state_dict alone."
        ) from error


def _reason(error: Exception) -> str:
    """What is wrong, without torch's advice to read the file in another way."""
    refused = _REFUSAL.search(str(error))
    if refused is not None:
        return f"it asks for {refused[1]}, but only tensors and log history are read"
    if str(error).startswith("Weights only load failed"):
        return "it is damaged, or holds more than tensors and log history"
    if isinstance(error, OSError | LookupError | EOFError):
        return "it is damaged, or no file of tensors"
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")


def _read_safetensors(path: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise ImportError(f"Reading {path} needs: pip install safetensors") from error
    return load_file(path)


def innermost(content: Any) -> Any:
    """The tensors by name inside what a file holds, however deep they lie."""
    while isinstance(content, Mapping):
        inside = [content[x] for x in _CONTAINERS if x in content]
        nested = [x for x in inside if isinstance(x, Mapping)]
        if not nested:
            return content.get("state_dict", content)
        content = nested[0]
    return content


def tensors_by_name(content: Any, path: str | Path) -> dict[str, Tensor]:
    """The state dict inside what a file holds.

    Raises:
        ValueError: It holds something else than tensors by name.
    """
    content = innermost(content)
    if not isinstance(content, Mapping):
        raise ValueError(
            f"{path} holds a {type(content).__name__}, not tensors by name."
        )
    found = {}
    for name, value in content.items():
        if isinstance(value, PickledArray):
            value = torch.from_numpy(value.value)
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ValueError(
                f"{path} holds a {type(value).__name__} under {name!r}, where a tensor "
                "is expected."
            )
        found[name] = value
    return found
