"""Read pickled NumPy arrays without running, or trusting, anything in the file.

NumPy's own functions are never called on what a file says: a forged state of theirs can
corrupt memory. Stand-ins collect type, shape and bytes, which are checked before an
array is made of them.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np

_NUMBER = re.compile(r"[fiub][1248]")  # float, integer, unsigned, boolean


class _Type:
    """Stands in for a NumPy type: its code and byte order."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code, self.order = code, "|"

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]

    def checked(self) -> np.dtype:
        """The type, if it is a number."""
        if not _NUMBER.fullmatch(str(self.code)) or self.order not in ("<", ">", "|"):
            raise pickle.UnpicklingError(f"it holds an array of type {self.code!r}")
        return np.dtype(self.order + self.code)


class PickledArray:
    """Stands in for an array; ``value`` is the array once its state was read."""

    value: np.ndarray

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, content = state
        self.fill(content, dtype, shape, order="F" if fortran else "C")

    def fill(
        self, content: Any, dtype: _Type, shape: tuple, order: Literal["C", "F"]
    ) -> None:
        """Make the array; its bytes must be as many as its type and shape say."""
        if isinstance(content, str):  # a string of Python 2
            content = content.encode("latin1")
        flat = np.frombuffer(content, dtype.checked())
        self.value = flat.reshape(shape, order=order).copy()


class _Dictionary(dict):
    """Stands in for an ordered dictionary; attributes of it are dropped."""

    def __setstate__(self, state: Any) -> None:
        pass


def _reconstruct(*_: Any) -> PickledArray:
    return PickledArray()


def _frombuffer(
    content: Any, dtype: _Type, shape: tuple, order: Literal["C", "F"]
) -> PickledArray:
    array = PickledArray()
    array.fill(content, dtype, shape, order)
    return array


def _encode(text: str, *_: str) -> bytes:
    return text.encode("latin1")


# What pickled arrays are made of, under the module names of NumPy 1 and 2.
_STAND_INS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Dictionary,
    ("numpy", "ndarray"): PickledArray,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
}
for _package in ("core", "_core"):
    _STAND_INS[f"numpy.{_package}.multiarray", "_reconstruct"] = _reconstruct
    _STAND_INS[f"numpy.{_package}.numeric", "_frombuffer"] = _frombuffer


class _ArrayUnpickler(pickle.Unpickler):
    """Builds arrays and plain containers, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, but only NumPy arrays and plain "
                "containers are read from a pickle"
            )
        return _STAND_INS[module, name]


def read_pickle(path: Path) -> Any:
    """Containers of :class:`PickledArray`.

    Raises:
        Exception: The file is damaged or asks for anything else; of many types.
    """
    with path.open("rb") as file:
        # latin1: names and arrays pickled by Python 2 are read as well
        return _ArrayUnpickler(file, encoding="latin1").load()
