"""Which compiled operator is found and installed, and how it is called."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from mmseg_maskformer.adapters import kernels
from mmseg_maskformer.adapters.build import build_network
from mmseg_maskformer.core import deformable_attention as core
from tests import reference_deformable as reference
from tests.helpers.deformable import MAP_SHAPES, attention_inputs


def provide(monkeypatch, name, **content):
    """Let a module be imported that holds this."""
    module = ModuleType(name)
    vars(module).update(content)
    monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize(
    ("cuda_of_mmcv", "has_deformops", "wanted"),
    [
        ("12.4", True, kernels.mmcv_kernel),
        ("12.4", False, kernels.mmcv_kernel),
        ("not available", True, kernels.deformops_kernel),
        ("not available", False, None),
        (None, True, kernels.deformops_kernel),  # mmcv has no operators at all
        (None, False, None),
    ],
)
def test_operators_of_mmcv_come_first_if_they_are_for_cuda(
    cuda_of_mmcv, has_deformops, wanted, monkeypatch
):
    installed = {"deformops"} if has_deformops else set()
    monkeypatch.setattr(kernels, "find_spec", lambda name: name in installed)
    monkeypatch.setattr(kernels, "has_compiled_ops", lambda: cuda_of_mmcv is not None)
    version = dict(get_compiling_cuda_version=lambda: cuda_of_mmcv)
    provide(monkeypatch, "mmcv.ops", **version)
    assert kernels.find_kernel() is wanted


@pytest.mark.parametrize("cuda", [False, True])
def test_a_network_gets_what_was_found_where_there_is_cuda(cuda, monkeypatch):
    before, found = object(), object()
    monkeypatch.setattr(core, "_kernel", before)  # restored afterwards
    monkeypatch.setattr(kernels, "find_kernel", lambda: found)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    pixels = dict(type="FPNPixelDecoder", out_channels=32)
    build_network(dict(type="PerPixelBaseline", pixel_decoder=pixels), [8], 2)
    assert core._kernel is (found if cuda else None)


def through_mmcv(monkeypatch, operator):
    """Call the kernel of mmcv, which hands all images over at once."""

    def apply(*arguments):
        *tensors, images = arguments
        assert images == 2
        assert all(x.is_contiguous() for x in tensors)
        return operator(*tensors)

    function = SimpleNamespace(apply=apply)
    name = "mmcv.ops.multi_scale_deform_attn"
    provide(monkeypatch, name, MultiScaleDeformableAttnFunction=function)
    return kernels.mmcv_kernel


def through_deformops(monkeypatch, operator):
    """Call the kernel of deformops."""
    provide(monkeypatch, "deformops")
    provide(monkeypatch, "deformops.registry", msda=operator)
    return kernels.deformops_kernel


@pytest.mark.parametrize("through", [through_mmcv, through_deformops])
def test_an_operator_is_called_as_its_package_documents(through, monkeypatch):
    def operator(value, sizes, starts, locations, weights):
        assert starts.tolist() == [0, 15, 22]  # 3 x 5 cells, 1 x 7, 9 x 2
        shapes = [tuple(size) for size in sizes.tolist()]
        return reference.deformable_attention(value, shapes, locations, weights)

    kernel = through(monkeypatch, operator)
    value, locations, weights = attention_inputs(MAP_SHAPES)
    strided = value.mT.contiguous().mT  # the same numbers in another order
    found = kernel(strided, MAP_SHAPES, locations, weights)
    wanted = core.deformable_attention(value, MAP_SHAPES, locations, weights)
    torch.testing.assert_close(found, wanted)
