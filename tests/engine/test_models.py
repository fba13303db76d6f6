"""The model of a config."""

from __future__ import annotations

from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch.nn import Identity

from mmseg_maskformer.engine import models
from tests.conftest import REPOSITORY


def test_a_config_without_scope_has_one(monkeypatch):
    monkeypatch.setattr(models.MODELS, "build", lambda x: Identity())
    models.untrained_model(Config(dict(default_scope=None, model=dict(backbone={}))))
    assert DefaultScope.get_current_instance().scope_name == "mmseg"


def test_a_switch_of_timm_downloads_nothing(monkeypatch):
    name = "maskformer_timm-convnext-t_8xb2-160k_ade20k-512x512"
    config = Config.fromfile(REPOSITORY / f"configs/maskformer/{name}.py")
    built = []
    monkeypatch.setattr(models.MODELS, "build", lambda x: built.append(x) or Identity())
    models.untrained_model(config)
    assert built[0].backbone.pretrained is False
    assert config.model.backbone.pretrained is True
    assert built[0].decode_head == config.model.decode_head


def test_a_model_without_backbone_is_built_as_it_is(monkeypatch):
    """Such as MMSegmentation's MultimodalEncoderDecoder."""
    model = dict(image_encoder=dict(type="VisionTransformer"), decode_head={})
    built = []
    monkeypatch.setattr(models.MODELS, "build", lambda x: built.append(x) or Identity())
    models.untrained_model(Config(dict(model=model)))
    assert built == [model]
