"""Random weights that betray a wrong place or name."""

from __future__ import annotations

import torch
from torch import nn


def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give norms, biases and statistics random values in place of 1 and 0.

    With those a norm may be applied twice, or to the wrong tensor, unseen.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and tensor.dim() < 2:
            noise = torch.randn(tensor.shape, generator=generator)
            positive = name.endswith(("weight", "running_var"))
            tensor.copy_(1 + 0.1 * noise if positive else 0.05 * noise)
    return model.eval()
