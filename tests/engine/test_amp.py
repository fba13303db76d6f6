"""Mixed precision on the CPU."""

from __future__ import annotations

import torch
from mmengine.optim import build_optim_wrapper
from torch import nn


def test_forward_is_bfloat16_and_the_update_is_float32():
    model = nn.Linear(2, 1, bias=False)
    nn.init.constant_(model.weight, 1 + 2**-12)  # rounds to 1 in bfloat16
    wrapper = build_optim_wrapper(
        model,
        {
            "type": "mmseg_maskformer.BFloat16OptimWrapper",
            "optimizer": {"type": "SGD", "lr": 0.5},
        },
    )
    inputs = torch.tensor([[1.0, 3.0]], device=model.weight.device)
    with wrapper.optim_context(model):
        outputs = model(inputs)
    assert outputs.dtype == torch.bfloat16
    assert outputs.item() == 4.0  # 1 * 1 + 3 * 1
    wrapper.update_params(outputs.float().sum())
    # w - lr * x, the float32 bits of w kept
    expected = torch.tensor([[0.5 + 2**-12, -0.5 + 2**-12]])
    torch.testing.assert_close(model.weight.detach(), expected, rtol=0, atol=0)
