"""Groups of the optimizer: every learning rate and decay, by name."""

from __future__ import annotations

import pytest
import timm
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmseg_maskformer.engine import optim
from mmseg_maskformer.engine.optim import ModulewiseOptimWrapperConstructor

LR, DECAY = 1e-3, 0.05
NAME = "mmseg_maskformer.ModulewiseOptimWrapperConstructor"


def settings(model: nn.Module, paramwise_cfg: dict | None = None) -> dict:
    """Build the optimizer; return {parameter name: (lr, weight decay)}."""
    wrapper = build_optim_wrapper(
        model,
        {
            "type": "OptimWrapper",
            "constructor": NAME,
            "optimizer": {"type": "AdamW", "lr": LR, "weight_decay": DECAY},
            "paramwise_cfg": paramwise_cfg,
        },
    )
    names = {parameter: name for name, parameter in model.named_parameters()}
    found = [
        (names[parameter], (group["lr"], group["weight_decay"]))
        for group in wrapper.optimizer.param_groups
        for parameter in group["params"]
    ]
    assert len(found) == len(dict(found)), "a parameter is in two groups"
    return dict(found)


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.queries = nn.Embedding(5, 4)
        self.linear = nn.Linear(4, 4)
        self.norms = nn.ModuleList([nn.LayerNorm(4), nn.GroupNorm(2, 4)])
        self.norms.append(nn.InstanceNorm2d(4, affine=True))


def test_learning_rate_by_place_and_decay_by_type():
    fast, slow = LR, LR * 0.1
    assert settings(Toy(), {"backbone_lr_mult": 0.1}) == {
        "backbone.0.weight": (slow, DECAY),
        "backbone.0.bias": (slow, DECAY),
        "backbone.1.weight": (slow, 0.0),
        "backbone.1.bias": (slow, 0.0),
        "queries.weight": (fast, 0.0),
        "linear.weight": (fast, DECAY),
        "linear.bias": (fast, DECAY),
        **{f"norms.{i}.{kind}": (fast, 0.0) for i in range(3) for kind in TERMS},
    }


TERMS = ("weight", "bias")


def test_without_multiplier_two_groups_remain():
    found = settings(Toy())
    assert set(found.values()) == {(LR, DECAY), (LR, 0.0)}


@pytest.mark.parametrize(
    ("optimizer", "decays"),
    [("AdamW", [0.0, 0.01]), (torch.optim.AdamW, [0.0, 0.01]), ("SGD", [0.0])],
)
def test_decay_of_the_optimizer_where_none_is_given(optimizer, decays):
    constructor = ModulewiseOptimWrapperConstructor(
        {"optimizer": {"type": optimizer, "lr": LR}}
    )
    groups = constructor(Toy()).optimizer.param_groups
    assert sorted(group["weight_decay"] for group in groups) == decays


def test_each_setting_is_one_group():
    constructor = ModulewiseOptimWrapperConstructor(
        {"optimizer": {"type": "AdamW", "lr": LR, "weight_decay": DECAY}},
        {"backbone_lr_mult": 0.1},
    )
    groups = constructor(Toy()).optimizer.param_groups
    found = sorted((group["lr"], group["weight_decay"]) for group in groups)
    slow = LR * 0.1
    assert found == [(slow, 0.0), (slow, DECAY), (LR, 0.0), (LR, DECAY)]


def test_frozen_parameters_are_left_out():
    model = Toy()
    model.backbone.requires_grad_(False)
    found = settings(model, {"backbone_lr_mult": 0.1})
    assert not any(name.startswith("backbone") for name in found)
    assert len(found) == 9  # 1 embedding, 2 of the linear layer, 6 of the norms


@pytest.mark.parametrize(("frozen", "sentences"), [(False, 1), (True, 0)])
def test_a_multiplier_of_0_names_what_freezes(frozen, sentences, monkeypatch):
    said, model = [], Toy()
    monkeypatch.setattr(optim, "print_log", lambda text, **_: said.append(text))
    model.backbone.requires_grad_(not frozen)
    settings(model, {"backbone_lr_mult": 0})
    assert len(said) == sentences
    assert all('model=dict(frozen=("backbone",))' in text for text in said)


def test_shared_parameter_is_updated_once():
    model = Toy()
    model.copy = nn.Linear(4, 4)
    model.copy.weight = model.linear.weight
    found = settings(model)
    assert found["linear.weight"] == (LR, DECAY)
    # SGD with lr 1 and gradient 1 moves a parameter by 1 per update.
    wrapper = ModulewiseOptimWrapperConstructor(
        {"optimizer": {"type": "SGD", "lr": 1.0}}
    )(model)
    before = model.linear.weight.detach().clone()
    model.linear.weight.grad = torch.ones_like(model.linear.weight)
    wrapper.optimizer.step()
    torch.testing.assert_close(model.copy.weight, before - 1)


def test_position_tables_of_timm_swin_are_not_decayed():
    class Segmentor(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = timm.create_model(
                "swin_tiny_patch4_window7_224", depths=(1, 1, 1, 1)
            )

    assert_swin(settings(Segmentor(), {"backbone_lr_mult": 0.5}))


def test_position_tables_of_mmseg_swin_are_not_decayed():
    from mmseg.models.backbones import SwinTransformer

    class Segmentor(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = SwinTransformer(
                embed_dims=24, depths=(1, 1, 1, 1), use_abs_pos_embed=True
            )

    found = settings(Segmentor(), {"backbone_lr_mult": 0.5})
    assert_swin(found)
    assert found["backbone.absolute_pos_embed"] == (LR * 0.5, 0.0)


def assert_swin(found: dict[str, tuple[float, float]]) -> None:
    """Tables and norms are not decayed; every other parameter of Swin is."""
    tables = [name for name in found if "relative_position_bias_table" in name]
    assert len(tables) == 4  # one a block
    for name, value in found.items():
        free = "bias_table" in name or "norm" in name or "absolute_pos" in name
        assert value == (LR * 0.5, 0.0 if free else DECAY), name


@pytest.mark.parametrize(
    ("optimizer", "paramwise_cfg", "message"),
    [
        ({"lr": 1e-4}, {"backbone_lr_mul": 0.1}, r"unknown keys \['backbone_lr_mul'\]"),
        ({"lr": 1e-4}, {"backbone_lr_mult": -1}, "backbone_lr_mult must be a number"),
        ({"lr": "fast"}, None, "optimizer.lr must be a number >= 0.*'fast'"),
        ({}, None, "optimizer.lr must be a number >= 0.*None"),
        ({"lr": 1, "weight_decay": -1}, None, "weight_decay must be a number >= 0"),
    ],
)
def test_config_mistakes_are_named_at_construction(optimizer, paramwise_cfg, message):
    with pytest.raises(ValueError, match=message):
        ModulewiseOptimWrapperConstructor(
            {"optimizer": {"type": "AdamW", **optimizer}}, paramwise_cfg
        )


def test_multiplier_without_backbone_is_an_error():
    constructor = ModulewiseOptimWrapperConstructor(
        {"optimizer": {"type": "AdamW", "lr": LR}}, {"backbone_lr_mult": 0.1}
    )
    with pytest.raises(ValueError, match="Linear has no attribute 'backbone'"):
        constructor(nn.Linear(2, 2))


def test_settings_that_sharding_has_joined_are_refused():
    joined = nn.Module()
    joined.backbone, joined._flat_param = nn.Identity(), nn.Parameter(torch.ones(9))
    with pytest.raises(ValueError, match="leave use_orig_params out of strategy"):
        settings(joined, {"backbone_lr_mult": 0.1})
