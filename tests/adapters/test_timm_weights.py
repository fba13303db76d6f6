"""Weights of timm's backbones: all of them, and the features they give."""

from __future__ import annotations

import pytest
import timm
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from tests.conftest import REPOSITORY

NAME = "tf_efficientnet_lite0"
BASE = REPOSITORY / "configs/_base_/models/efficientnet-lite0.py"


@pytest.fixture(scope="module")
def whole():
    """Timm's classifier, its norms with statistics of their own."""
    torch.manual_seed(0)
    model = timm.create_model(NAME, pretrained=False)
    model(torch.randn(2, 3, 64, 64))
    return model.eval()


def backbone(source, scope="mmseg", **settings):
    config = Config.fromfile(BASE).efficientnet_lite0
    config.pop("_delete_")
    config.init_cfg.source = str(source)
    init_default_scope(scope)
    return MODELS.build(dict(config, **settings)).eval()


@pytest.mark.parametrize(
    "scope", ["mmseg", pytest.param("mmdet", marks=pytest.mark.mmdet)]
)
@pytest.mark.parametrize("stride", [32, 16])
def test_features_are_those_of_timm(whole, tmp_path, scope, stride):
    """Of every map; with stride 16 timm dilates the last stage itself."""
    if scope == "mmdet":
        pytest.importorskip("mmdet")
    path = tmp_path / "weights.pth"
    torch.save(whole.state_dict(), path)
    model = backbone(path, scope, output_stride=stride)
    before = torch.random.get_rng_state()
    model.init_weights()
    assert torch.equal(torch.random.get_rng_state(), before)
    theirs = timm.create_model(
        NAME, pretrained=False, features_only=True, output_stride=stride
    )
    theirs.load_state_dict(whole.state_dict(), strict=False)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        found, expected = model(image), theirs.eval()(image)[1:]
        maps = whole.forward_intermediates(image, intermediates_only=True)[1:]
    assert [x.shape[1] for x in found] == [24, 40, 112, 320]
    assert all(map(torch.equal, found, expected))
    if stride == 32:  # and those of the classifier
        assert all(map(torch.equal, found, maps))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.pop("blocks.2.0.bn1.weight"), "lacks 1 .*: blocks.2.0.bn1.weight"),
        (lambda x: x.update(other=torch.ones(1)), "has besides 1 .*: other"),
        (
            lambda x: x.update({"conv_stem.weight": torch.ones(32, 4, 3, 3)}),
            r"another shape 1 .*: conv_stem.weight \(32, 4, 3, 3\) instead of "
            r"\(32, 3, 3, 3\)",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused(whole, tmp_path, change, message):
    weights = dict(whole.state_dict())
    change(weights)
    path = tmp_path / "weights.pth"
    torch.save(weights, path)
    with pytest.raises(ValueError, match=message) as caught:
        backbone(path).init_weights()
    assert str(caught.value).startswith(str(path))


def test_the_hub_is_asked_for_the_weights_of_the_model(whole, monkeypatch):
    asked = []

    def create_model(name, pretrained):
        asked.append((name, pretrained))
        return whole

    model = backbone("timm")
    monkeypatch.setattr("timm.create_model", create_model)
    model.init_weights()
    assert asked == [(f"{NAME}.in1k", True)]
    stem = model.timm_model.conv_stem.weight
    assert torch.equal(stem, whole.conv_stem.weight)


def test_a_hub_that_does_not_answer_names_the_remedy(monkeypatch):
    def create_model(name, pretrained):
        raise RuntimeError("no connection")

    model = backbone("timm")
    monkeypatch.setattr("timm.create_model", create_model)
    message = (
        rf"{NAME}.in1k .* hub: no connection\. .* set backbone_weights .*FORMER_BA"
    )
    with pytest.raises(OSError, match=message):
        model.init_weights()


def test_the_shared_file_fits(shared_data):
    path = shared_data / f"backbones/{NAME}.safetensors"
    model = backbone(path)
    model.init_weights()
    assert model.timm_model.bn1.running_mean.abs().sum() > 1  # 0 before
