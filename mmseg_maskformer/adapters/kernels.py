"""The one door to compiled operators: used on CUDA where they are installed.

Multi-scale deformable attention is compiled in mmcv (where it is built with CUDA) and
in the package deformops; mmcv's comes first. Both add gradients in any order, so
that two runs differ in the last digits; with
``torch.use_deterministic_algorithms(True)`` the plain form is used.
"""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import Tensor

from mmseg_maskformer.compat import has_compiled_ops
from mmseg_maskformer.core.deformable_attention import Kernel, set_kernel
from mmseg_maskformer.core.deformable_sums import Shapes


def install_kernels() -> None:
    """Give the core what is installed here; nothing without CUDA."""
    set_kernel(find_kernel() if torch.cuda.is_available() else None)


def find_kernel() -> Kernel | None:
    """The compiled deformable attention that is installed, or None."""
    if has_compiled_ops():
        from mmcv.ops import get_compiling_cuda_version

        if get_compiling_cuda_version() != "not available":
            return mmcv_kernel
    return deformops_kernel if find_spec("deformops") else None


def mmcv_kernel(
    value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor
) -> Tensor:
    """Mmcv's operator; arguments as of ``deformable_attention``."""
    from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction

    tensors = (value, *_levels(value, shapes), locations, weights)
    return MultiScaleDeformableAttnFunction.apply(
        *(x.contiguous() for x in tensors),
        len(value),  # images at a time
    )


def deformops_kernel(
    value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor
) -> Tensor:
    """Deformops' operator; arguments as of ``deformable_attention``."""
    from deformops.registry import msda

    return msda(value, *_levels(value, shapes), locations, weights)


def _levels(value: Tensor, shapes: Shapes) -> tuple[Tensor, Tensor]:
    """Sizes (levels, 2) and first tokens (levels,) as tensors."""
    sizes = torch.tensor(shapes, device=value.device)
    cells = sizes.prod(1)
    return sizes, cells.cumsum(0) - cells
