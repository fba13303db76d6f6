"""Score maps in tiles: against the reference, of windows, mirrored, averaged."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core import sliding
from mmseg_maskformer.core.inference import semantic_labels, semantic_scores
from mmseg_maskformer.core.score_maps import (
    FlippedScores,
    MeanScores,
    ResizedMaskScores,
    ScoreWindow,
    TiledScores,
    best_labels,
    score_tiles,
    single_window,
)
from mmseg_maskformer.core.sliding import SlidingWindows, window_starts
from mmseg_maskformer.core.tiling import Placement, iter_tiles, resize_rows
from tests import reference
from tests.helpers.queries import TILES, assert_labels_equal, batch_outputs

PADDED = Placement((33, 50), (0, 31, 0, 47), (40, 60))
SHRUNK = Placement((33, 50), (2, 33, 0, 47), (12, 25))


def dense(scores):
    """The whole map (n, H, W), from its tiles."""
    return torch.cat([x for _, x in score_tiles(scores)], dim=1)


def window(grid=(9, 13), size=(33, 50), seed=0, **kwargs):
    """A window, and its scores (K, H, W) by the reference in float64."""
    class_logits, mask_logits = batch_outputs(grid, seed=seed, **kwargs)
    scores = reference.semantic_scores(class_logits, mask_logits, size)[0]
    return ScoreWindow.of(class_logits[0].float(), mask_logits[0].float(), size), scores


def post(scores, placement):
    """Crop and resize (n, H, W) by the reference."""
    top, bottom, left, right = placement.crop
    return reference.resize_bilinear(
        scores[:, top:bottom, left:right], placement.out_size
    )


def assert_close(found, wanted, largest=1.0):
    """Equal within float32, of values as large as ``largest``."""
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=2e-6 * largest)


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("placement", [Placement.whole((33, 50)), PADDED, SHRUNK])
def test_scores_and_labels_equal_the_reference(placement, tile, set_tile):
    set_tile(tile)
    whole, scores = window()
    scores = post(scores, placement)
    found = TiledScores(placement, single_window(whole))
    assert_close(dense(found), scores)
    assert_labels_equal(best_labels(found), scores)


def test_how_many_rows_a_tile_has(set_tile):
    whole, _ = window()  # 9 masks, 33 x 50 pixels
    scores = TiledScores(Placement.whole((33, 50)), single_window(whole))
    # one row of masks and eight of scores at least; 3001 // (9 * 50) = 6
    for tile, of_masks, of_scores in ((1, 33, 5), (3001, 6, 5), (10**8, 1, 1)):
        set_tile(tile)
        masks = iter_tiles(whole.mask_logits, scores.placement)
        assert len(list(masks)) == of_masks
        assert len(list(score_tiles(scores))) == of_scores


def test_labels_are_those_of_semantic_labels():
    class_logits, mask_logits = (x[0].float() for x in batch_outputs((9, 13), 30, 50))
    whole = single_window(ScoreWindow.of(class_logits, mask_logits, (33, 50)))
    for placement in (Placement.whole((33, 50)), PADDED, SHRUNK):
        direct = semantic_labels(class_logits, mask_logits, placement)
        assert torch.equal(best_labels(TiledScores(placement, whole)), direct)


@pytest.mark.parametrize("tile", TILES)
def test_scores_of_resized_logits(tile, set_tile):
    set_tile(tile)
    class_logits, mask_logits = batch_outputs((9, 13), seed=4)
    logits = post(reference.resize_bilinear(mask_logits[0], (33, 50)), PADDED)
    probs = class_logits[0].softmax(-1)[:, :-1]
    wanted = torch.einsum("qk,qhw->khw", probs, logits.sigmoid())
    whole = ScoreWindow.of(class_logits[0].float(), mask_logits[0].float(), (33, 50))
    scores = ResizedMaskScores(whole, PADDED)
    assert_close(dense(scores), wanted)
    assert_labels_equal(best_labels(scores), wanted)


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize(
    ("direction", "axes"),
    [("horizontal", (-1,)), ("vertical", (-2,)), ("diagonal", (-2, -1))],
)
def test_mirrored_maps_are_turned_back(direction, axes, tile, set_tile):
    set_tile(tile)
    whole, scores = window(seed=5)
    flipped = FlippedScores(TiledScores(PADDED, single_window(whole)), direction)
    assert_close(dense(flipped), post(scores, PADDED).flip(axes))


@pytest.mark.parametrize("tile", TILES)
def test_the_mean_is_that_of_separate_maps(tile, set_tile):
    set_tile(tile)
    out = (40, 60)
    inputs = [
        (window((5, 7), (17, 25), seed=1), Placement((17, 25), (0, 17, 0, 24), out)),
        (window((9, 13), (33, 50), seed=2), Placement((33, 50), (0, 31, 0, 47), out)),
        (
            window((20, 30), (80, 120), seed=3),
            Placement((80, 120), (0, 80, 0, 120), out),
        ),
    ]
    maps = [TiledScores(placement, single_window(x)) for (x, _), placement in inputs]
    wanted = [post(scores, placement) for (_, scores), placement in inputs]
    maps[1], wanted[1] = FlippedScores(maps[1], "horizontal"), wanted[1].flip(-1)
    wanted = torch.stack(wanted).mean(0)
    assert_close(dense(MeanScores(maps)), wanted)
    assert_labels_equal(best_labels(MeanScores(maps)), wanted)


# Windows of 5 every 3 in 13: 0, 3, 6 and, moved inwards, 8. In 11 the window at 6 ends
# with the image.
@pytest.mark.parametrize(
    ("length", "crop", "stride", "starts"),
    [
        (13, 5, 3, [0, 3, 6, 8]),
        (11, 5, 3, [0, 3, 6]),
        (5, 5, 3, [0]),
        (4, 5, 3, [0]),
        (6, 5, 5, [0, 1]),
    ],
)
def test_where_windows_begin(length, crop, stride, starts):
    assert window_starts(length, crop, stride) == starts


class Model:
    """Predicts every window at random, always the same at its place."""

    def __init__(self, per_pixel=False):
        self.per_pixel = per_pixel
        self.calls = []

    def __call__(self, places, size):
        self.calls.append(list(places))
        return [self.window(place, size) for place in places]

    def window(self, place, size):
        grid = tuple(-(-n // 4) for n in size)
        seed = 1000 * place[0] + place[1]
        class_logits, mask_logits = batch_outputs(grid, seed=seed)
        class_logits = None if self.per_pixel else class_logits[0]
        return ScoreWindow.of(class_logits, mask_logits[0], size, place)

    def scores(self, place, size):
        one = self.window(place, size)
        logits = reference.resize_bilinear(one.mask_logits, size)
        if one.probs is None:
            return logits
        return torch.einsum("qk,qhw->khw", one.probs[:, :-1], logits.sigmoid())


def blended(model, size, crop, tops, lefts):
    """The mean of windows over each pixel, one after the other."""
    first = model.scores((0, 0), crop)
    total, count = first.new_zeros(len(first), *size), first.new_zeros(size)
    for top in tops:
        for left in lefts:
            rows, columns = slice(top, top + crop[0]), slice(left, left + crop[1])
            total[:, rows, columns] += model.scores((top, left), crop)
            count[rows, columns] += 1
    assert count.min() == 1
    assert count.max() > 1
    return total / count


@pytest.mark.parametrize("per_pixel", [False, True])
@pytest.mark.parametrize("tile", TILES)
def test_windows_are_blended_and_resized(tile, set_tile, per_pixel):
    set_tile(tile)
    size, crop, model = (41, 50), (20, 30), Model(per_pixel)
    # tops 0, 14, 21 (28 moved inwards); lefts 0, 20
    wanted = blended(model, size, crop, (0, 14, 21), (0, 20))
    for placement in (
        Placement.whole(size),
        Placement(size, (0, 37, 0, 50), (60, 45)),
        Placement(size, (3, 41, 2, 47), (13, 90)),
    ):
        windows = SlidingWindows(size, crop, (14, 20), model)
        scores = TiledScores(placement, windows)
        expected, largest = post(wanted, placement), float(wanted.abs().max())
        assert_close(dense(scores), expected, largest)
        upside_down = FlippedScores(TiledScores(placement, windows), "vertical")
        assert_close(dense(upside_down), expected.flip(-2), largest)


@pytest.mark.parametrize("crop", [(41, 50), (64, 51)])
def test_slide_equals_whole_where_one_window_covers_the_image(crop):
    size, model = (41, 50), Model()
    placement = Placement(size, (0, 37, 0, 50), (60, 45))
    slide = TiledScores(placement, SlidingWindows(size, crop, (14, 20), model), True)
    whole = TiledScores(placement, single_window(model.window((0, 0), size)), True)
    assert model.calls == []
    assert torch.equal(dense(slide), dense(whole))
    assert model.calls == [[(0, 0)]]


def test_every_window_is_predicted_once_and_few_are_kept(monkeypatch):
    monkeypatch.setattr(sliding, "_PIXELS", 800)
    model = Model()
    windows = SlidingWindows((100, 50), (20, 20), (10, 15), model)
    kept = []
    for start in range(0, 100, 5):
        windows(start, start + 5)
        kept.append(len(windows._kept))
    places = [place for call in model.calls for place in call]
    assert len(places) == len(set(places)) == 9 * 3  # tops 0, 10, ..., 80; 0, 15, 30
    assert max(len(call) for call in model.calls) == 800 // 400
    assert max(kept) == 2  # rows 10..14 lie in the windows at 0 and 10


def test_rows_have_gradients_after_a_prediction_in_inference_mode():
    """What is kept for the next call must not come from there; sizes of this test."""
    logits = torch.randn(2, 5, 7, requires_grad=True)
    sizes = (11, 13), (0, 6)
    with torch.inference_mode():
        wanted = resize_rows(logits, *sizes)
    found = resize_rows(logits, *sizes)
    assert torch.equal(found, wanted)
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    assert gradient.sum().item() == pytest.approx(2 * 6 * 13)  # shares of a pixel are 1


def test_autocast_leaves_scores_in_float32():
    whole, scores = window()
    with torch.autocast("cpu", torch.bfloat16):
        found = dense(TiledScores(PADDED, single_window(whole)))
    assert_close(found, post(scores, PADDED))


def test_no_scores_of_full_size_are_made(set_tile):
    set_tile(1)
    class_logits, mask_logits = (x.float() for x in batch_outputs((32, 32), 300, 20))
    whole = ScoreWindow.of(class_logits[0], mask_logits[0], (128, 128))
    views = MeanScores(
        [TiledScores(Placement.whole((128, 128)), single_window(whole))] * 2
    )
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        best_labels(views)
    total = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            total += event.nbytes()
            peak = max(peak, total)
    band = 300 * 8 * 128 * 4  # eight rows of scores; at most five of them at a time
    labels = 2 * 128 * 128 * 8
    assert peak < 5 * band + labels < 300 * 128 * 128 * 4 / 3
    dense_labels = semantic_scores(class_logits, mask_logits, (128, 128))[0].argmax(0)
    assert torch.equal(best_labels(views), dense_labels)
