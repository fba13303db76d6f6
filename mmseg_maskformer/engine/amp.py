"""Mixed precision, on the CPU as well."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from torch.overrides import TorchFunctionMode

from mmseg_maskformer.registry import type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mmengine.config import Config


_REFUSED = ("cpu", "mps")  # devices on which mmengine has no AmpOptimWrapper


class BFloat16OptimWrapper(OptimWrapper):
    """Train under bfloat16 autocast, on the CPU or on an accelerator.

    mmengine's own ``AmpOptimWrapper`` refuses to work without an accelerator. bfloat16
    has the range of float32, so gradients need no scaling. On the CPU depthwise
    convolutions stay in float32, in which their gradients are faster.
    """

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        """Enclose the forward pass of one step."""
        device = get_device()
        with (
            super().optim_context(model),
            torch.autocast(device, dtype=torch.bfloat16),
            _Float32Depthwise() if device == "cpu" else nullcontext(),
        ):
            yield


class _Float32Depthwise(TorchFunctionMode):
    """Take depthwise convolutions out of autocast, and run them with channels last.

    In bfloat16 oneDNN has fast gradients for few of them: those of 5 x 5 or strided
    ones take two to ten times as long.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call ``func``, the way above where it is such a convolution."""
        if func is not torch.conv2d or kwargs or not _is_depthwise(*args):
            return func(*args, **(kwargs or {}))
        image, weight, bias, *rest = args
        with torch.autocast("cpu", enabled=False):
            image, weight = (
                x.float().contiguous(memory_format=torch.channels_last)
                for x in (image, weight)
            )
            bias = None if bias is None else bias.float()
            return func(image, weight, bias, *rest)


def _is_depthwise(image: torch.Tensor, *others: Any) -> bool:
    """Whether ``torch.conv2d`` of a batch is: the last argument is ``groups``."""
    return len(others) == 6 and image.ndim == 4 and others[-1] == image.shape[1] > 1


def enable_amp(config: Config) -> None:
    """Switch to mixed precision: float16 on a GPU, bfloat16 on the CPU and on Apple's.

    A config that has one already keeps it, but for float16 where mmengine refuses it.

    Raises:
        ValueError: The config has an optimizer wrapper of another type.
    """
    wrapper = config.optim_wrapper
    kind = type_name(wrapper) or "OptimWrapper"
    if amp_is_refused(wrapper):
        for key in ("dtype", "loss_scale", "use_fsdp"):
            wrapper.pop(key, None)
        kind = "OptimWrapper"
    if kind in ("AmpOptimWrapper", "BFloat16OptimWrapper"):
        return
    if kind != "OptimWrapper":
        raise ValueError(
            f"--amp replaces the optim_wrapper type OptimWrapper, but the config has "
            f"{kind}: set its mixed precision in the config."
        )
    if get_device() in _REFUSED:
        wrapper.type = "mmseg_maskformer.BFloat16OptimWrapper"
    else:
        wrapper.type = "AmpOptimWrapper"
        wrapper.loss_scale = "dynamic"


def amp_is_refused(wrapper: Mapping[str, Any]) -> bool:
    """Whether mmengine refuses the wrapper of an optimizer on this device."""
    return type_name(wrapper) == "AmpOptimWrapper" and get_device() in _REFUSED
