"""The operator against a slow reference, its edges, and the door to compiled ones."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from mmseg_maskformer.adapters import kernels
from mmseg_maskformer.core import deformable_attention as module
from mmseg_maskformer.core.deformable_attention import deformable_attention
from mmseg_maskformer.core.deformable_sums import _bag_dots_of_operator, bag_dots
from tests import reference_deformable as reference
from tests.helpers.deformable import MAP_SHAPES, attention_inputs


def gradients(function, shapes, tensors):
    value, locations, weights = tensors
    output = function(value, shapes, locations, weights)
    seed = torch.linspace(-1, 2, output.numel(), dtype=output.dtype)
    seed = seed.view(output.shape).to(output.device)
    return [output.detach(), *torch.autograd.grad(output, tensors, seed)]


@pytest.mark.parametrize("shapes", [MAP_SHAPES, [(1, 1)], [(4, 4), (2, 2)]])
def test_values_and_gradients_are_those_of_the_reference(shapes):
    tensors = attention_inputs(shapes)
    found = gradients(deformable_attention, shapes, tensors)
    wanted = gradients(reference.deformable_attention, shapes, tensors)
    for x, y in zip(found, wanted, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "wanted"),
    [
        (1 / 6, 1 / 4, 1.0),  # centre of the first cell
        (5 / 6, 3 / 4, 6.0),  # of the last
        (1 / 3, 1 / 4, 1.5),  # between two columns
        (1 / 2, 1 / 2, 3.5),  # between two rows
        (0, 1 / 4, 0.5),  # on the left border: half is outside
        (1, 1, 1.5),  # in the last corner: a quarter of 6
        (-1 / 6, 1 / 4, 0.0),  # a cell away from the map
        (7 / 6, 1 / 4, 0.0),
        (1 / 6, 5 / 4, 0.0),
        (-9e30, 0.5, 0.0),
        (float("inf"), 0.5, 0.0),
    ],
)
def test_samples_on_centres_and_borders(x, y, wanted):
    value = torch.arange(1, 7, dtype=torch.float64).view(1, 6, 1, 1)
    location = torch.tensor([x, y], dtype=torch.float64).view(1, 1, 1, 1, 1, 2)
    location.requires_grad_()
    weight = torch.ones(1, 1, 1, 1, 1, dtype=torch.float64)
    found = deformable_attention(value, [(2, 3)], location, weight)
    assert found.item() == pytest.approx(wanted, abs=1e-14)
    found.backward()
    if abs(x) > 2:
        assert location.grad.abs().max() == 0


def test_no_number_stays_none_and_harms_no_other_sample():
    value, locations, weights = attention_inputs(MAP_SHAPES)
    wanted = deformable_attention(value, MAP_SHAPES, locations, weights)
    with torch.no_grad():
        locations[0, 2, 1, 0, 0, 0] = float("nan")
    found = deformable_attention(value, MAP_SHAPES, locations, weights)
    broken = found.isnan().view(2, 5, 3, 4)
    assert broken[0, 2, 1].all() and broken.sum() == 4
    torch.testing.assert_close(found[1], wanted[1], rtol=0, atol=0)


def test_half_precision_is_the_float32_result_rounded():
    value, locations, weights = (
        x.detach().float() for x in attention_inputs(MAP_SHAPES)
    )
    value = value.bfloat16()
    found = deformable_attention(value, MAP_SHAPES, locations, weights)
    exact = (value.double(), locations.double(), weights.double())
    wanted = reference.deformable_attention(exact[0], MAP_SHAPES, *exact[1:])
    assert found.dtype == torch.bfloat16
    # half a step of bfloat16, and what float32 loses
    torch.testing.assert_close(found.double(), wanted, rtol=2**-8, atol=1e-5)
    halves = [x.half() for x in (value, locations, weights)]
    floats = [x.float() for x in halves]
    found, wanted = (
        deformable_attention(x[0], MAP_SHAPES, *x[1:]) for x in (halves, floats)
    )
    assert torch.equal(found, wanted.half())


def test_the_operators_are_sound_for_compilers():
    value, locations, weights = attention_inputs(MAP_SHAPES[:1], batch=1)
    torch.library.opcheck(module._forward, (value, [3, 5], locations, weights))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(3, 5), (1, 7)], r"40 tokens, but the levels \[\(3, 5\), \(1, 7\)\] have 22"),
        (
            [(3, 5), (5, 5)],
            r"levels = 2; got \(2, 5, 3, 3, 2, 2\) and \(2, 5, 3, 3, 2\)",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes, message):
    value, locations, weights = attention_inputs(MAP_SHAPES)
    with pytest.raises(ValueError, match=message):
        deformable_attention(value, shapes, locations, weights)


def test_a_kernel_is_for_cuda_only(monkeypatch):
    monkeypatch.setattr(module, "_kernel", lambda *_: pytest.fail("called on the CPU"))
    value, locations, weights = (x.float() for x in attention_inputs(MAP_SHAPES))
    deformable_attention(value, MAP_SHAPES, locations, weights)


@pytest.mark.gpu
def test_cuda_has_the_numbers_of_the_cpu_twice_the_same():
    wanted = gradients(deformable_attention, MAP_SHAPES, attention_inputs(MAP_SHAPES))
    runs = [
        gradients(
            deformable_attention,
            MAP_SHAPES,
            attention_inputs(MAP_SHAPES, device="cuda"),
        )
        for _ in range(2)
    ]
    for first, second, exact in zip(*runs, wanted, strict=True):
        assert torch.equal(first, second)
        torch.testing.assert_close(first.cpu(), exact, rtol=1e-12, atol=1e-12)


def test_a_compiled_operator_does_float32_on_cuda_and_nothing_deterministic():
    cuda, half, cpu = (
        SimpleNamespace(is_cuda=is_cuda, dtype=dtype)
        for is_cuda, dtype in (
            (True, torch.float32),
            (True, torch.float16),
            (False, torch.float32),
        )
    )
    tensors = [[cuda] * 3, [cuda, half, cuda], [cpu] * 3]
    assert [module._suits_kernel(x) for x in tensors] == [True, False, False]
    torch.use_deterministic_algorithms(True)
    try:
        assert not module._suits_kernel([cuda] * 3)
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.gpu
def test_float32_backward_is_deterministic_on_cuda():
    shapes = [(16, 16), (32, 32), (64, 64)]
    tensors = [
        x.detach().float().requires_grad_()
        for x in attention_inputs(shapes, device="cuda", width=32)
    ]
    module.set_kernel(None)
    first, second = (gradients(deformable_attention, shapes, tensors) for _ in range(2))
    assert all(map(torch.equal, first, second))


@pytest.mark.gpu
def test_the_installed_kernel_agrees(monkeypatch):
    kernel = kernels.find_kernel()
    if kernel is None:
        pytest.skip("neither mmcv's compiled operators nor deformops are installed")
    tensors = attention_inputs([(8, 8), (16, 16)], device="cuda", width=32)
    tensors = [x.detach().float().requires_grad_() for x in tensors]
    wanted = gradients(deformable_attention, [(8, 8), (16, 16)], tensors)
    found = gradients(kernel, [(8, 8), (16, 16)], tensors)
    for x, y in zip(found, wanted, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-4)


def test_products_by_autograds_operator_are_those_of_the_matrix_product():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(50, (40, 12), generator=generator, dtype=torch.int32)
    table = torch.randn(50, 8, generator=generator, dtype=torch.float64)
    grad = torch.randn(40, 8, generator=generator, dtype=torch.float64)
    wanted = (table[rows] * grad[:, None]).sum(dim=-1)
    for found in (
        bag_dots(rows, table, grad),
        _bag_dots_of_operator(rows, table, grad),
    ):
        torch.testing.assert_close(found, wanted)
