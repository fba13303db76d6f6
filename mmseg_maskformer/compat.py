"""The one door to an incomplete host.

Two things are mended, both only where they are broken:

* mmcv without compiled operators: ``mmcv._ext`` is answered by a stand-in whose
  operators exist, as mmcv checks at import, and raise an error when they are called.
* mmengine 0.10.7 with torch >= 2.6: ``torch.load`` refuses the classes that a
  checkpoint of mmengine holds; exactly those are declared safe.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import ModuleType

EXTENSION = "mmcv._ext"


def _missing_op(name: str) -> Callable[..., NoReturn]:
    """Return the function that stands in for the compiled operator ``name``."""

    def op(*args: object, **kwargs: object) -> NoReturn:
        raise RuntimeError(
            f"The compiled mmcv operator '{name}' was called, but the installed mmcv "
            "has no compiled operators. MaskFormer needs none: use a model without "
            "this operator, or install an mmcv wheel built for your torch and CUDA."
        )

    op.__name__ = op.__qualname__ = name
    return op


def _stand_in_attribute(name: str) -> Callable[..., NoReturn]:
    """Answer ``getattr(mmcv._ext, name)`` for every operator name."""
    if name.startswith("__"):
        raise AttributeError(f"module '{EXTENSION}' has no attribute '{name}'")
    return _missing_op(name)


class MissingOpsFinder(MetaPathFinder, Loader):
    """Import finder and loader of the stand-in for ``mmcv._ext``.

    It stands at the end of ``sys.meta_path``: a compiled extension, where there is one,
    is found first and wins.
    """

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Answer for ``mmcv._ext`` and for nothing else."""
        if fullname != EXTENSION:
            return None
        return ModuleSpec(fullname, self, origin="stand-in of mmseg_maskformer")

    def exec_module(self, module: ModuleType) -> None:
        """Give the empty module its operators."""
        module.__dict__["__getattr__"] = _stand_in_attribute


def install_missing_ops_finder() -> None:
    """Append the finder to ``sys.meta_path``, once."""
    if not any(isinstance(finder, MissingOpsFinder) for finder in sys.meta_path):
        sys.meta_path.append(MissingOpsFinder())


def has_compiled_ops() -> bool:
    """Whether mmcv is installed with compiled operators; the stand-in has none."""
    if not find_spec("mmcv"):
        return False
    spec = find_spec(EXTENSION)
    return spec is not None and not isinstance(spec.loader, MissingOpsFinder)


def allow_checkpoint_classes() -> None:
    """Declare what a checkpoint of mmengine holds safe for ``torch.load``.

    An mmengine that brings a list of its own keeps it.
    """
    import torch
    from mmengine.runner import checkpoint

    if not reads_history_safely() or hasattr(checkpoint, "get_torch_safe_globals"):
        return
    torch.serialization.add_safe_globals(_checkpoint_classes())


def load_safely(path: Path, map_location: Any = "cpu") -> Any:
    """``torch.load`` that runs no code, whatever mmengine is installed.

    Raises:
        pickle.UnpicklingError: The file asks for more than tensors and log history,
            or, with torch older than 2.6, for more than tensors.
    """
    import torch

    if not reads_history_safely():
        return torch.load(path, map_location=map_location, weights_only=True)
    with torch.serialization.safe_globals(_checkpoint_classes()):
        return torch.load(path, map_location=map_location, weights_only=True)


def reads_history_safely() -> bool:
    """Whether torch can be told what a checkpoint of mmengine holds beside tensors."""
    import torch

    return torch.__version__ >= "2.6"  # TorchVersion compares versions, not letters


def _checkpoint_classes() -> list:
    """Mmengine's log history and the parts of NumPy's pickles.

    The latter under the module names of NumPy 1 and NumPy 2.
    """
    import numpy as np
    from mmengine.logging import HistoryBuffer

    def statistic(owner: object, name: str) -> object:
        """Stand in for getattr, with which a history pickles its four statistics."""
        if owner is HistoryBuffer and name in ("min", "max", "current", "mean"):
            return getattr(HistoryBuffer, name)
        raise UnpicklingError(f"A checkpoint may not ask for {owner}.{name}.")

    core = np._core if hasattr(np, "_core") else np.core
    functions = (core.multiarray._reconstruct, core.multiarray.scalar)
    return [
        HistoryBuffer,
        np.ndarray,
        np.dtype,
        (statistic, "builtins.getattr"),
        *(type(np.dtype(kind)) for kind in "?bBhHiIlLqQefd"),  # numbers of all sizes
        *(
            (function, f"numpy.{package}.multiarray.{function.__name__}")
            for function in functions
            for package in ("core", "_core")
        ),
    ]
