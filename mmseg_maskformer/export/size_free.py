"""Parts of backbones for images of any size, without a branch that looks at a size.

The blocks of the hosts' Swin pad where a side is no multiple of the window, and build
masks in loops; timm's convolutions with "SAME" padding compute it from sides that are
rounded up. A graph of free sizes keeps the branch of one size, or asks a solver about
every one of them, or writes ever longer formulas, which takes minutes. Classes are
known by their names; both hosts' Swins have the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_BLOCKED = -100.0  # what the hosts add to the logits of cells of other parts


@contextmanager
def size_free(model: nn.Module) -> Iterator[None]:
    """Let the parts that look at sizes compute the same for all of them."""
    forms: dict[str, Any] = {
        "ShiftWindowMSA": _window_attention,
        "AdaptivePadding": _corner_padding,
        "Conv2dSame": _same_convolution,
    }
    changed = [
        (module, forms[type(module).__name__])
        for module in model.modules()
        if type(module).__name__ in forms
    ]
    for module, form in changed:
        module.forward = MethodType(form, module)
    try:
        yield
    finally:
        for module, _ in changed:
            del module.forward


def _corner_padding(self: Any, x: Tensor) -> Tensor:
    """Pad below and to the right to multiples of the stride, which is the kernel."""
    assert self.padding == "corner" and self.kernel_size == self.stride
    (down, across), (height, width) = self.stride, x.shape[-2:]
    return F.pad(x, (0, -width % across, 0, -height % down))


def _same_convolution(self: Any, x: Tensor) -> Tensor:
    """Pad each side so that it gives ceil(length / stride) cells, more at the end."""
    before_and_after: list[int] = []
    for length, kernel, stride, dilation in zip(
        x.shape[-2:], self.kernel_size, self.stride, self.dilation, strict=True
    ):
        reach = dilation * (kernel - 1)
        assert reach == 0 or reach >= stride - 1  # as all of timm's are
        padding = reach and reach - (length - 1) % stride
        before_and_after = [padding // 2, padding - padding // 2, *before_and_after]
    return self._conv_forward(F.pad(x, before_and_after), self.weight, self.bias)


def _window_attention(self: Any, query: Tensor, hw_shape: tuple[int, int]) -> Tensor:
    """Attention in windows of the shifted map, of one image (1, h * w, C)."""
    (height, width), window = hw_shape, self.window_size
    x = query.unflatten(1, (height, width))
    x = F.pad(x, (0, 0, 0, -width % window, 0, -height % window))
    size = (x.shape[1], x.shape[2])
    mask = None
    if self.shift_size > 0:
        x = x.roll((-self.shift_size, -self.shift_size), (1, 2))
        mask = _mask(size, window, self.shift_size, x.dtype)
    x = _windows_back(_attend(self.w_msa, _windows(x, window), mask), size, window)
    if self.shift_size > 0:
        x = x.roll((self.shift_size, self.shift_size), (1, 2))
    return self.drop(x[:, :height, :width].flatten(1, 2))


def _attend(attention: Any, x: Tensor, mask: Tensor | None) -> Tensor:
    """Attention of the cells of windows (n, m, C), and a mask (n, m, m) of logits."""
    q, k, v = (
        part.unflatten(2, (attention.num_heads, -1)).transpose(1, 2)
        for part in attention.qkv(x).chunk(3, dim=2)
    )
    index = attention.relative_position_index.flatten()
    bias = attention.relative_position_bias_table[index]
    bias = bias.unflatten(0, (x.shape[1], x.shape[1])).permute(2, 0, 1)
    logits = (q * attention.scale) @ k.transpose(2, 3) + bias
    if mask is not None:
        logits = logits + mask[:, None]
    return attention.proj((logits.softmax(dim=3) @ v).transpose(1, 2).flatten(2))


def _windows(x: Tensor, window: int) -> Tensor:
    """(1, h, w, C) to (windows, cells of a window, C)."""
    rows, columns = x.shape[1] // window, x.shape[2] // window
    x = x.reshape(rows, window, columns, window, x.shape[3])
    return x.transpose(1, 2).reshape(rows * columns, window * window, x.shape[4])


def _windows_back(x: Tensor, size: tuple[int, int], window: int) -> Tensor:
    """The inverse of :func:`_windows`."""
    height, width = size
    grid = (height // window, width // window, window, window, x.shape[2])
    return x.reshape(grid).transpose(1, 2).reshape(1, height, width, x.shape[2])


def _mask(size: tuple[int, int], window: int, shift: int, dtype: torch.dtype) -> Tensor:
    """(windows, m, m): what the roll brought together must not see each other."""
    rows, columns = (_parts(length, window, shift) for length in size)
    parts = (3 * rows[:, None] + columns)[None, :, :, None]
    inside = _windows(parts, window)[..., 0]  # (windows, m)
    apart = inside[:, None] != inside[:, :, None]
    return apart.to(dtype) * _BLOCKED


def _parts(length: int, window: int, shift: int) -> Tensor:
    """(length,) 0, 1, 2: before the last window, in it, and what came from the edge."""
    cells = torch.arange(length)
    return (cells >= length - window).long() + (cells >= length - shift).long()
