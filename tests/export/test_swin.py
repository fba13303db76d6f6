"""Swin without branches on sizes equals the hosts' at every size."""

from __future__ import annotations

import pytest
import torch
from mmseg.models.backbones import SwinTransformer

from mmseg_maskformer.export.swin import size_free
from tests.weights import randomise


@pytest.fixture(scope="module")
def swin():
    torch.manual_seed(0)
    model = SwinTransformer(
        embed_dims=8,
        depths=(2, 2, 2, 2),
        num_heads=(1, 2, 2, 2),
        window_size=5,
        mlp_ratio=2,
    )
    for name, parameter in model.named_parameters():
        if name.endswith("bias_table"):
            torch.nn.init.normal_(parameter)
    randomise(model)
    return model.double()


# maps in one window, in whole windows at every level, with rests in both directions
@pytest.mark.parametrize("size", [(20, 20), (160, 160), (75, 107)])
def test_maps_equal_those_of_the_host(swin, size):
    image = torch.randn(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        wanted = swin(image)
        with size_free(swin):
            found = swin(image)
        again = swin(image)
    for x, y, z in zip(found, wanted, again, strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=1e-12)
        assert torch.equal(y, z)  # the host's forms are back
