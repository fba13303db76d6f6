"""Mixed precision on the CPU."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmseg_maskformer.engine import amp

FINE = 1 + 2**-12  # rounds to 1 in bfloat16


def wrapped(model):
    return build_optim_wrapper(
        model,
        {
            "type": "mmseg_maskformer.BFloat16OptimWrapper",
            "optimizer": {"type": "SGD", "lr": 0.5},
        },
    )


def test_forward_is_bfloat16_and_the_update_is_float32():
    model = nn.Linear(2, 1, bias=False)
    nn.init.constant_(model.weight, FINE)
    wrapper = wrapped(model)
    inputs = torch.tensor([[1.0, 3.0]], device=model.weight.device)
    with wrapper.optim_context(model):
        outputs = model(inputs)
    assert outputs.dtype == torch.bfloat16
    assert outputs.item() == 4.0  # 1 * 1 + 3 * 1
    wrapper.update_params(outputs.float().sum())
    # w - lr * x, the float32 bits of w kept
    expected = torch.tensor([[0.5 + 2**-12, -0.5 + 2**-12]])
    torch.testing.assert_close(model.weight.detach(), expected, rtol=0, atol=0)


@pytest.mark.parametrize(("groups", "fine"), [(1, False), (2, False), (4, True)])
def test_depthwise_convolutions_alone_are_float32_on_the_cpu(groups, fine):
    if get_device() != "cpu":
        pytest.skip("an accelerator has bfloat16 gradients for all of them")
    model = nn.Conv2d(4, 4, 1, groups=groups, bias=False)
    nn.init.constant_(model.weight, FINE)
    wrapper = wrapped(model)
    with wrapper.optim_context(model):
        out = model(torch.ones(1, 4, 2, 3))
    assert out.dtype == (torch.float32 if fine else torch.bfloat16)
    seen = FINE if fine else 1.0
    assert out.unique().tolist() == [4 // groups * seen]  # channels that a sum has
    wrapper.update_params(out.float().sum() * FINE)
    # w - lr dw, where dw is 2 x 3 cells times the gradient at each, rounded like w
    assert model.weight.detach().unique().tolist() == [FINE - 0.5 * 6 * seen]


def test_an_image_without_batch_is_no_batch_of_rows():
    """Four channels of four rows: the second axis has as many as there are groups."""
    model = nn.Conv2d(4, 4, 1, groups=4, bias=False)
    nn.init.constant_(model.weight, FINE)
    with wrapped(model).optim_context(model):
        out = model(torch.ones(4, 4, 3))
    assert torch.equal(out, torch.ones(4, 4, 3, dtype=torch.bfloat16))


@pytest.mark.parametrize(
    ("device", "kind", "scale"),
    [
        ("cpu", "mmseg_maskformer.BFloat16OptimWrapper", None),
        ("mps", "mmseg_maskformer.BFloat16OptimWrapper", None),
        ("cuda", "AmpOptimWrapper", "dynamic"),
    ],
)
def test_amp_by_device(device, kind, scale, monkeypatch):
    monkeypatch.setattr(amp, "get_device", lambda: device)
    config = Config({"optim_wrapper": {"type": "OptimWrapper"}})
    amp.enable_amp(config)
    assert config.optim_wrapper.type == kind
    assert config.optim_wrapper.get("loss_scale") == scale


def test_amp_keeps_the_mixed_precision_of_the_config(monkeypatch):
    monkeypatch.setattr(amp, "get_device", lambda: "cuda")
    wrapper = {"type": "AmpOptimWrapper", "dtype": "bfloat16"}
    config = Config({"optim_wrapper": dict(wrapper)})
    amp.enable_amp(config)
    assert config.optim_wrapper == wrapper


def test_amp_of_another_wrapper_is_a_sentence():
    config = Config({"optim_wrapper": {"type": "ApexOptimWrapper"}})
    with pytest.raises(ValueError, match="the config has ApexOptimWrapper"):
        amp.enable_amp(config)
