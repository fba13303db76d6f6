"""A small Mask2Former in training: bfloat16, resumed, started from other weights."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmseg_maskformer.checkpoints.convert import FACEBOOKRESEARCH, from_ours
from mmseg_maskformer.checkpoints.mask2former import FACEBOOKRESEARCH_MASK2FORMER
from mmseg_maskformer.checkpoints.zoo import zoo_url
from tests.checkpoints import models
from tests.helpers.combinations import combined_head
from tests.helpers.mask2former import network
from tests.helpers.scenes import TINY_HEAD, TWO_SCENES, tiny_config
from tests.helpers.semantic import feature_maps, labelled_samples

NARROW = dict(embed_dim=32, num_heads=4, ffn_dim=32)
MASK2FORMER = network(
    pixels=dict(NARROW, mask_channels=32, num_layers=1),
    queries=dict(NARROW, num_queries=8, num_layers=3),
)
LAST = 8  # iterations of the whole training


def config(folder, mask2former=True, **changes):
    """A runner's config; seven steps take the learning rate from 1e-3 to zero."""
    model = tiny_config()
    if mask2former:
        points = dict(type="PointMasks", num_points=50)
        criterion = dict(type="SetCriterion", masks=points)
        model["decode_head"] = dict(TINY_HEAD, network=MASK2FORMER, criterion=criterion)
    settings = dict(
        model=model,
        work_dir=str(folder),
        train_dataloader=dict(
            batch_size=2,
            dataset=TWO_SCENES,
            sampler=dict(type="InfiniteSampler", shuffle=True),
        ),
        train_cfg=dict(type="IterBasedTrainLoop", max_iters=LAST),
        optim_wrapper=dict(
            constructor="mmseg_maskformer.ModulewiseOptimWrapperConstructor",
            optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.05),
            clip_grad=dict(max_norm=0.01),
        ),
        param_scheduler=[
            dict(type="LinearLR", start_factor=1.0, end_factor=0.0, end=LAST)
            | dict(by_epoch=False)
        ],
        default_hooks=dict(
            checkpoint=dict(type="CheckpointHook", by_epoch=False, interval=4)
        ),
        default_scope="mmseg",
        randomness=dict(seed=0),
        experiment_name=folder.name,
    )
    return settings | changes


class KilledError(Exception):
    """What ends a training in its middle."""


class Watch(Hook):
    """Notes where a training begins, and may end it."""

    def __init__(self, killed_after=None):
        self.killed_after = killed_after

    def before_train(self, runner):
        self.begun = runner.iter
        self.weights = deepcopy(runner.model.state_dict())
        self.optimizer = deepcopy(runner.optim_wrapper.state_dict())

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx + 1 == self.killed_after:
            raise KilledError


def test_a_killed_training_goes_on_where_it_was(tmp_path):
    with pytest.raises(KilledError):
        Runner(**config(tmp_path / "first", custom_hooks=[Watch(6)])).train()
    path, watch = tmp_path / "first/iter_4.pth", Watch()
    again = dict(load_from=str(path), resume=True, custom_hooks=[watch])
    second = Runner(**config(tmp_path / "second", **again))
    second.train()
    saved = torch.load(path, weights_only=False)
    assert watch.begun == 4
    for name, weight in saved["state_dict"].items():
        assert torch.equal(watch.weights[name], weight), name
    for index, state in saved["optimizer"]["state"].items():
        assert state["step"] == 4
        for name, value in state.items():
            assert torch.equal(watch.optimizer["state"][index][name], value), name
    # from one to zero in a line, read after four and after all steps
    ended = second.optim_wrapper.state_dict()
    for optimizer, wanted in ((watch.optimizer, 3e-3 / 7), (ended, 0.0)):
        (rate,) = {group["lr"] for group in optimizer["param_groups"]}
        assert rate == pytest.approx(wanted, abs=1e-9)
    assert second.iter == LAST
    assert {state["step"].item() for state in ended["state"].values()} == {LAST}


@pytest.mark.parametrize("layout", ["ours", "the authors'"])
@pytest.mark.parametrize("wanted", ["maskformer", "mask2former"])
def test_load_from_refuses_weights_of_the_other_family(wanted, layout, tmp_path):
    init_default_scope("mmseg")
    is_new = wanted == "mask2former"
    given = models.MODELS.build(config(tmp_path, not is_new)["model"])
    weights = given.state_dict()
    if layout != "ours":
        layouts = {True: FACEBOOKRESEARCH, False: FACEBOOKRESEARCH_MASK2FORMER}
        weights = from_ours(weights, layouts[is_new])
    torch.save(dict(state_dict=weights), tmp_path / "other.pth")
    runner = Runner(**config(tmp_path, is_new, load_from=str(tmp_path / "other.pth")))
    names = ("MaskFormer", "Mask2Former")
    message = rf"holds a {names[not is_new]}, but the model .* is a {names[is_new]}\."
    with pytest.raises(ValueError, match=message + r" Take a config of configs/"):
        runner.train()
    assert runner.iter == 0


def test_a_name_of_the_other_family_is_told_its_place():
    for scheme, other, name in (
        ("mask2former", "maskformer", "ade20k-150/maskformer_R50_bs16_160k"),
        ("maskformer", "mask2former", "coco/panoptic/maskformer2_R50_bs16_50ep"),
    ):
        message = f"is called {other}://{name}, and needs a config of configs/{other}."
        with pytest.raises(ValueError, match=message):
            zoo_url(name, scheme)


@pytest.mark.parametrize("name", ["Mask2Former", "with MaskFormer's decoder"])
def test_a_step_in_bfloat16_is_that_in_float32_within_a_twentieth(name):
    model = combined_head(name).train()
    found = {}
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype != torch.float32):
            losses = model.loss(feature_maps(), labelled_samples())
        assert all(x.dtype == torch.float32 for x in losses.values())
        model.zero_grad()
        sum(losses.values()).backward()
        assert all(x.grad.isfinite().all() for x in model.parameters())
        found[dtype] = sum(x.item() for x in losses.values())
    assert found[torch.bfloat16] != found[torch.float32]
    assert found[torch.bfloat16] == pytest.approx(found[torch.float32], rel=0.05)
