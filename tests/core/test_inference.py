"""Semantic scores against the reference, tiled labels against the dense argmax."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmseg_maskformer.core.inference import semantic_labels, semantic_scores
from mmseg_maskformer.core.tiling import Placement
from tests import reference
from tests.helpers.queries import assert_labels_equal, batch_outputs

SIZES = [((8, 10), (32, 40)), ((9, 13), (33, 50)), ((5, 3), (17, 12)), ((1, 1), (3, 2))]
TILES = [1, 700, 3001, 10**8]


@pytest.mark.parametrize(("grid", "size"), SIZES)
def test_scores_equal_the_reference(grid, size):
    class_logits, mask_logits = batch_outputs(grid, images=2)
    found = semantic_scores(class_logits, mask_logits, size)
    wanted = reference.semantic_scores(class_logits, mask_logits, size)
    assert found.shape == (2, 7, *size)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-6)


def test_scores_in_closed_form():
    # one query: p(class 0) = 3/4 of classes 0 and "no object", mask sigmoid(0) = 1/2
    class_logits = torch.tensor([[[3.0, 1.0]]]).log()
    found = semantic_scores(class_logits, torch.zeros(1, 1, 2, 2), (4, 4))
    torch.testing.assert_close(found, torch.full((1, 1, 4, 4), 0.375))


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize(("grid", "size"), SIZES)
def test_tiled_labels_equal_the_argmax_of_dense_scores(grid, size, tile, set_tile):
    set_tile(tile)
    class_logits, mask_logits = batch_outputs(grid)
    scores = reference.semantic_scores(class_logits, mask_logits, size)[0]
    found = semantic_labels(class_logits[0], mask_logits[0], Placement.whole(size))
    assert_labels_equal(found, scores)


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("out_size", [(31, 37), (60, 75), (12, 9), (97, 20)])
def test_tiled_labels_with_crop_and_resize(out_size, tile, set_tile):
    set_tile(tile)
    class_logits, mask_logits = batch_outputs((9, 13), seed=1)
    scores = reference.semantic_scores(class_logits, mask_logits, (33, 50))
    wanted = reference.postprocess(scores, (31, 37), out_size)[0]
    placement = Placement((33, 50), (0, 31, 0, 37), out_size)
    found = semantic_labels(class_logits[0], mask_logits[0], placement)
    assert_labels_equal(found, wanted)


def test_crop_may_start_anywhere(set_tile):
    class_logits, mask_logits = batch_outputs((9, 13), seed=2)
    scores = reference.semantic_scores(class_logits, mask_logits, (33, 50))
    wanted = reference.resize_bilinear(scores[..., 5:30, 7:44], (50, 60))[0]
    crop = (5, 30, 7, 44)
    placement = Placement((33, 50), crop, (50, 60))
    for tile in TILES:
        set_tile(tile)
        found = semantic_labels(class_logits[0], mask_logits[0], placement)
        assert_labels_equal(found, wanted)
    placement = Placement((33, 50), crop, (25, 37))
    plain = semantic_labels(class_logits[0], mask_logits[0], placement)
    assert_labels_equal(plain, scores[0, :, 5:30, 7:44])


def test_labels_do_not_depend_on_the_tile(set_tile):
    class_logits, mask_logits = (
        x.float() for x in batch_outputs((16, 21), 30, 50, seed=3)
    )
    placement = Placement((64, 83), (0, 60, 0, 80), (90, 101))
    wanted = semantic_labels(class_logits[0], mask_logits[0], placement)
    for tile in TILES:
        set_tile(tile)
        found = semantic_labels(class_logits[0], mask_logits[0], placement)
        assert (found == wanted).double().mean() > 0.9995
    dense = semantic_scores(class_logits, mask_logits, (64, 83))[0].argmax(0)
    tiled = semantic_labels(class_logits[0], mask_logits[0], Placement.whole((64, 83)))
    assert torch.equal(tiled, dense)


def test_equals_the_original_map(golden, set_tile):
    set_tile(5000)
    data = np.load(golden / "criterion_and_panoptic.npz")
    class_logits = torch.from_numpy(data["pan0_cls"])
    mask_logits = torch.from_numpy(data["pan0_mask"])
    size = tuple(mask_logits.shape[-2:])
    found = semantic_labels(class_logits, mask_logits, Placement.whole(size))
    assert json.loads(str(data["pan0_info"]))  # the case holds segments
    assert torch.equal(found, torch.from_numpy(data["pan0_sem"]).long())


def test_no_scores_of_full_size_are_made(set_tile):
    set_tile(20 * 128 * 8)
    class_logits, mask_logits = (x.float() for x in batch_outputs((32, 32), 100, 20))
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        placement = Placement.whole((128, 128))
        semantic_labels(class_logits[0], mask_logits[0], placement)
    total = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            total += event.nbytes()
            peak = max(peak, total)
    scores = 100 * 128 * 128 * 4
    band = (100 + 3 * 20) * 128 * 8 * 4 + 3 * 128 * 128 * 8
    assert peak < 2 * band < scores / 2
