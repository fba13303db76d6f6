"""Schedules and samplers that do not fit the loop end a training before it begins."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS, PARAM_SCHEDULERS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

POLY = dict(type="PolyLR", eta_min=0.0)
WARM = dict(type="LinearLR", start_factor=0.01, begin=0)
RESTART = dict(type="CosineRestartLR", eta_min=0.0)


class Loader(list):
    def __init__(self, sampler=DefaultSampler):
        super().__init__(range(10))  # batches of an epoch
        self.dataset = SimpleNamespace(metainfo={})
        self.sampler = sampler(range(10))


def runner(schedule, loop, train=DefaultSampler, val=DefaultSampler):
    """What a run has when it begins, with built schedulers."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0, momentum=0.9)
    loaders = dict(train_dataloader=Loader(train), val_dataloader=Loader(val))
    found = SimpleNamespace(
        **loaders, val_loop=True, visualizer=SimpleNamespace(), param_schedulers=[]
    )
    found.cfg, found.optim_wrapper = {}, OptimWrapper(optimizer)
    kind = EpochBasedTrainLoop if "max_epochs" in loop else IterBasedTrainLoop
    found.train_loop = kind(found, found.train_dataloader, **loop)
    for settings in schedule:
        settings = dict(settings)
        by_epoch = settings.setdefault("by_epoch", False)
        length = found.train_loop.max_epochs if by_epoch else found.train_loop.max_iters
        built = PARAM_SCHEDULERS.build(
            {"end": length, **settings}, default_args=dict(optimizer=optimizer)
        )
        found.param_schedulers.append(built)
    return found


def check(*args, **kwargs):
    hook = HOOKS.build(dict(type="mmseg_maskformer.CheckScheduleHook"))
    hook.before_train(runner(*args, **kwargs))


@pytest.mark.parametrize(
    "schedule",
    [
        [],
        [dict(POLY)],
        [dict(POLY, end=4001)],
        [dict(WARM, end=100), dict(POLY, begin=100, end=4000)],
        [dict(WARM, end=100)],  # and one value from there on
        [dict(WARM, end=9000), dict(POLY)],  # a short trial of a long schedule
        [dict(type="ConstantLR", end=500), dict(type="MultiStepLR", milestones=[3999])],
        [dict(type="CosineAnnealingLR", begin=1000, T_max=4000)],
        [
            dict(type="CosineAnnealingLR", T_max=2000, end=2000),
            dict(type="ConstantLR", factor=1.0, begin=2000),
        ],
        [dict(RESTART, periods=[1000, 3000], restart_weights=[1, 1])],
        [dict(type="OneCycleLR", eta_max=1.0, total_steps=4000)],
        [dict(POLY), dict(type="LinearMomentum", start_factor=0.1, end=100)],
    ],
)
def test_what_ends_with_the_training_passes(schedule):
    check(schedule, dict(max_iters=4000))


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (dict(POLY, end=2001), "ends at 2001 by its end, but the training at 4000 ite"),
        (dict(POLY, end=3998), "the remaining 2 would keep the value it has by then"),
        (dict(POLY, end=8001), "its last 4001 would never come. Set end=4000 in param"),
        (dict(type="LinearLR", end=2000, start_factor=1.0, end_factor=0.0), "at 2000"),
        (dict(type="CosineAnnealingLR", end=2000), "ends at 2000 by its end"),
        (dict(type="CosineAnnealingLR", T_max=8000), "ends at 8000 by its T_max"),
        (
            dict(RESTART, periods=[1000], restart_weights=[1]),
            "ends at 1000 by its periods",
        ),
        (dict(type="OneCycleLR", eta_max=1.0, total_steps=9000), "by its total_steps"),
        (dict(type="MultiStepLR", end=2000, milestones=[1000]), "ends at 2000"),
        (dict(type="MultiStepLR", milestones=[1000, 6000]), "a milestone at 6000"),
        (dict(type="StepLR", step_size=10, end=2000), "ends at 2000"),
        (dict(type="StepLR", step_size=4000), "a milestone at 4000, but"),
        (
            dict(POLY, by_epoch=True, end=12),
            "counts epochs .by_epoch=True, the",
        ),
    ],
)
def test_what_ends_elsewhere_is_refused(schedule, message):
    with pytest.raises(ValueError, match=message):
        check([dict(WARM, end=100), schedule], dict(max_iters=4000))


@pytest.mark.parametrize(
    "later",
    [
        dict(POLY),
        dict(type="CosineAnnealingLR", T_max=2000),
        dict(type="MultiStepLR", milestones=[3000]),
        dict(type="LinearLR", start_factor=0.1),
    ],
)
def test_what_multiplies_zero_is_refused(later):
    later = dict(later, begin=2000, end=4000)
    message = "multiplies what param_scheduler PolyLR .begin=0, end=2000. leaves"
    with pytest.raises(ValueError, match=message):
        check([dict(POLY, end=2000), later], dict(max_iters=4000))
    check([dict(POLY, end=2000, eta_min=0.1), later], dict(max_iters=4000))


@pytest.mark.parametrize(
    ("end", "by_epoch", "fits"),
    [
        *((12, True, True), (13, True, True), (11, True, False), (24, True, False)),
        *((120, False, True), (12, False, False), (240, False, False)),
    ],
)
def test_epochs_of_ten_iterations(end, by_epoch, fits):
    given = [dict(POLY, end=end, by_epoch=by_epoch)], dict(max_epochs=12)
    if fits:
        check(*given)
        return
    with pytest.raises(ValueError, match=f"ends at {end} by its end, but the training"):
        check(*given)


def test_the_message_says_what_to_write():
    message = (
        "param_scheduler PolyLR (begin=0, end=2001) ends at 2001 by its end, but the "
        "training at 4000 iterations: the remaining 1999 would keep the value it has "
        "by then. Set end=4000 in param_scheduler, or the length in train_cfg to that "
        "of the schedule; tools/train.py --iterations N sets both. If that is meant, "
        "say so by one more: dict(type='ConstantLR', factor=1.0, begin=2001, end=4000, "
        "by_epoch=False)."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check([dict(POLY, end=2001)], dict(max_iters=4000))
    said = dict(type="ConstantLR", factor=1.0, begin=2001, end=4000, by_epoch=False)
    check([dict(POLY, end=2001), said], dict(max_iters=4000))


def test_a_resumed_schedule_is_that_of_its_checkpoint():
    given = runner([dict(POLY, end=2001)], dict(max_iters=4000))
    given.train_loop._iter = 1000
    hook = HOOKS.build(dict(type="mmseg_maskformer.CheckScheduleHook"))
    with pytest.raises(ValueError, match="A resumed training has the schedule of"):
        hook.before_train(given)


@pytest.mark.parametrize(("enable", "batches"), [(False, 4), (True, 1), (True, 4)])
def test_rates_are_not_scaled_where_batches_are_accumulated(enable, batches):
    given = runner([], dict(max_iters=10))
    given.cfg = dict(auto_scale_lr=dict(enable=enable, base_batch_size=16))
    given.optim_wrapper = OptimWrapper(
        given.optim_wrapper.optimizer, accumulative_counts=batches
    )
    hook = HOOKS.build(dict(type="mmseg_maskformer.CheckScheduleHook"))
    if not (enable and batches > 1):
        hook.before_train(given)
        return
    with pytest.raises(ValueError, match=r"does not count .*counts=4 batches make a"):
        hook.before_train(given)


class Endless(DefaultSampler):
    def _infinite_indices(self):
        yield 0


@pytest.mark.parametrize("sampler", [InfiniteSampler, Endless])
def test_epochs_need_a_sampler_that_ends(sampler):
    check([], dict(max_iters=3), train=sampler)
    message = f"train_dataloader has the sampler {sampler.__name__}, which never ends"
    with pytest.raises(ValueError, match=message):
        check([], dict(max_epochs=3), train=sampler)
    with pytest.raises(ValueError, match="set val_dataloader.sampler.type='DefaultSa"):
        check([], dict(max_iters=3), val=sampler)
