"""Backbones without branches on sizes equal the hosts' at every size."""

from __future__ import annotations

import pytest
import timm
import torch
from mmseg.models.backbones import SwinTransformer

from mmseg_maskformer.export.size_free import size_free
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


@pytest.fixture(scope="module")
def efficientnet():
    """Convolutions of 3 and 5 cells with stride 2, "SAME" padding."""
    torch.manual_seed(0)
    model = timm.create_model("tf_efficientnet_lite0", features_only=True)
    return model.eval().double()


# maps in one window, in whole windows at every level, with rests in both directions
@pytest.mark.parametrize("size", [(20, 20), (160, 160), (75, 107)])
@pytest.mark.parametrize("name", ["swin", "efficientnet"])
def test_maps_equal_those_of_the_host(name, size, request):
    backbone = request.getfixturevalue(name)
    image = torch.randn(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        wanted = backbone(image)
        with size_free(backbone):
            found = backbone(image)
        again = backbone(image)
    for x, y, z in zip(found, wanted, again, strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=1e-12)
        assert torch.equal(y, z)  # the host's forms are back
