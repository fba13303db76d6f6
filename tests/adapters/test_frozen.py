"""Parts that are not trained stay as they are to the bit, all others learn."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from mmengine.optim import build_optim_wrapper

from tests.helpers.combinations import DEFORMABLE, MASKED, POINTS
from tests.helpers.scenes import tiny_model
from tests.helpers.semantic import images, label_maps, network_of, samples

PIXELS = "decode_head.network.pixel_decoder"


def segmentor(frozen, **head):
    """A model whose batch norm trains, and what it learns from."""
    backbone = dict(norm_eval=False)
    model = tiny_model(frozen=frozen, backbone=backbone, decode_head=head)
    size = (64, 96)
    return model, (images(size), samples(size, labels=label_maps(size)))


def mask2former(frozen):
    network = network_of(pixel_decoder=DEFORMABLE, transformer_decoder=MASKED)
    criterion = dict(type="SetCriterion", masks=POINTS)
    return segmentor(frozen, **network, criterion=criterion)


def detector(frozen):
    from tests.helpers import panoptic

    model = panoptic.detector(frozen=frozen)
    return model, (panoptic.image(), [panoptic.compact()])


DETECTOR = pytest.param(
    *(detector, ("backbone", "decode_head.network.class_head")), marks=pytest.mark.mmdet
)


def train(model, batch):
    """Two steps."""
    wrapper = build_optim_wrapper(
        model,
        dict(
            constructor="mmseg_maskformer.ModulewiseOptimWrapperConstructor",
            optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.1),
            paramwise_cfg=dict(backbone_lr_mult=0.5),
        ),
    )
    model.train()
    for _ in range(2):
        wrapper.update_params(sum(model.loss(*batch).values()))


@pytest.mark.parametrize(
    ("build", "frozen"),
    [
        (segmentor, ("backbone",)),
        (segmentor, ("backbone.bn1", PIXELS)),
        (mask2former, [PIXELS]),
        DETECTOR,
    ],
)
def test_frozen_parts_keep_every_tensor_and_others_do_not(build, frozen):
    """The backbone learns through a pixel decoder that does not."""
    model, batch = build(frozen)
    before = deepcopy(model.state_dict())
    train(model, batch)
    inside = tuple(f"{name}." for name in frozen)
    kept = {
        name for name, x in model.state_dict().items() if torch.equal(x, before[name])
    }
    assert kept == {name for name in before if name.startswith(inside)}


@pytest.mark.parametrize(
    ("frozen", "message"),
    [
        (
            "backbone",
            r"model\.frozen='backbone' is no list .*frozen=\(.backbone.,\) with",
        ),
        (
            ("neck",),
            r"and model has no part 'neck'; its parts are .*backbone, decode_h",
        ),
        (
            ["decode_head.network.pixels"],
            r"model\.decode_head\.network has no part 'pixels'; .*pixel_decoder",
        ),
        (("backbone.conv1.x",), r"model\.backbone\.conv1 has no part 'x'; .* are none"),
        (["backbone", "decode_head"], r"'decode_head'\] leaves nothing to train; rem"),
    ],
)
def test_names_of_no_part_are_refused(frozen, message):
    with pytest.raises(ValueError, match=message):
        tiny_model(frozen=frozen)
