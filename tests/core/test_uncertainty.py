"""Confidence, entropy and no-object mass: closed forms and what probabilities obey."""

from __future__ import annotations

import math

import pytest
import torch

from mmseg_maskformer.core.score_maps import (
    MeanScores,
    ScoreWindow,
    TiledScores,
    best_labels,
    single_window,
)
from mmseg_maskformer.core.tiling import Placement
from mmseg_maskformer.core.uncertainty import (
    class_probabilities,
    normalised_entropy,
    semantic_maps,
)
from tests import reference
from tests.helpers.queries import batch_outputs


def pixel(probs, masks):
    """The maps of one pixel: class (Q, K + 1) and mask probabilities (Q,)."""
    class_logits = None if probs is None else torch.tensor(probs).log()
    mask_logits = torch.tensor(masks)[:, None, None]
    mask_logits = mask_logits if probs is None else mask_logits.logit()
    whole = single_window(ScoreWindow.of(class_logits, mask_logits, (1, 1)))
    scores = TiledScores(Placement.whole((1, 1)), whole, no_object=True)
    maps = semantic_maps(scores, from_logits=probs is None)
    return [x.item() for x in maps]


def test_closed_form():
    # S = 0.6 * 0.8 + 0.2 * 0.5 = 0.58 and 0.1 * 0.8 + 0.3 * 0.5 = 0.23; sum 0.81.
    # P = 0.716, 0.284; entropy in bits, since log K = log 2.
    # no object: (1 - 0.7 * 0.8) (1 - 0.5 * 0.5) = 0.44 * 0.75 = 0.33
    probs = [[0.6, 0.1, 0.3], [0.2, 0.3, 0.5]]
    share = 0.58 / 0.81
    entropy = -share * math.log2(share) - (1 - share) * math.log2(1 - share)
    assert pixel(probs, [0.8, 0.5]) == pytest.approx([0, share, entropy, 0.33])


def test_closed_form_of_a_per_pixel_model():
    # softmax of log 1, log 2, log 5 is 1/8, 2/8, 5/8; entropy by log 3
    parts = [1 / 8, 2 / 8, 5 / 8]
    entropy = -sum(p * math.log(p) for p in parts) / math.log(3)
    found = pixel(None, [math.log(1), math.log(2), math.log(5)])
    assert found == pytest.approx([2, 5 / 8, entropy, 0.0])


def test_nothing_is_known_where_all_scores_are_zero():
    whole = ScoreWindow.of(torch.zeros(2, 5), torch.full((2, 1, 1), -200.0), (1, 1))
    scores = TiledScores(Placement.whole((1, 1)), single_window(whole), no_object=True)
    assert scores.rows(0, 1)[:4].sum() == 0  # exp(-200) is no float32
    found = semantic_maps(scores, from_logits=False)
    assert [x.item() for x in found] == [0, 0.25, 1.0, 1.0]


def test_a_certain_model_has_no_entropy():
    class_logits = torch.tensor([[200.0, 0, 0], [0, 200.0, 0]])
    mask_logits = torch.tensor([200.0, -200.0])[:, None, None]
    whole = ScoreWindow.of(class_logits, mask_logits, (1, 1))
    scores = TiledScores(Placement.whole((1, 1)), single_window(whole), no_object=True)
    found = semantic_maps(scores, from_logits=False)
    assert [x.item() for x in found] == [0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("from_logits", [False, True])
def test_of_one_class_a_model_is_certain(from_logits):
    probs = class_probabilities(torch.tensor([[0.2, 0.0]]), from_logits)
    assert probs.tolist() == [[1.0, 1.0]]
    assert normalised_entropy(probs).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 30.0])
def test_classes_sum_to_one_and_maps_stay_in_their_range(scale, from_logits):
    generator = torch.Generator().manual_seed(0)
    scores = scale * torch.rand(19, 50, 40, generator=generator)
    scores[:, 0] = 0  # nothing there
    scores[1:, 1] = 0  # one class only
    probs = class_probabilities(scores, from_logits)
    assert (probs.sum(0) - 1).abs().max() < 2e-6
    assert probs.min() >= 0
    assert probs.max() <= 1
    confidence, entropy = probs.max(0).values, normalised_entropy(probs)
    assert confidence.min() >= 1 / 19 - 1e-7
    assert entropy.min() >= 0
    assert entropy.max() <= 1
    assert entropy[0].min() > 1 - 1e-6  # all classes alike
    if not from_logits:
        assert confidence[1].min() == 1
        assert entropy[1].max() == 0


@pytest.mark.parametrize("tile", [1, 10**8])
def test_maps_of_an_image_equal_the_reference(tile, set_tile):
    placement = Placement((33, 50), (0, 31, 0, 47), (40, 60))
    class_logits, mask_logits = batch_outputs((9, 13))
    scores = reference.semantic_scores(class_logits, mask_logits, (33, 50))
    masks = reference.resize_bilinear(mask_logits, (33, 50)).sigmoid()[0]
    objects = 1 - class_logits[0].softmax(-1)[:, -1]
    free = (1 - objects[:, None, None] * masks).prod(0)
    scores, free = (
        reference.postprocess(x, (31, 47), (40, 60)) for x in (scores[0], free)
    )
    probs = scores / scores.sum(0)
    entropy = -(probs * probs.log()).sum(0) / math.log(7)
    whole = ScoreWindow.of(class_logits[0].float(), mask_logits[0].float(), (33, 50))
    with_mass = TiledScores(placement, single_window(whole), no_object=True)
    labels = best_labels(TiledScores(placement, single_window(whole)))
    set_tile(tile)
    found = semantic_maps(with_mass, from_logits=False)
    assert torch.equal(found.labels, labels)
    expected = (probs.max(0).values, entropy, free)
    for ours, wanted in zip(found[1:], expected, strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours.double(), wanted, rtol=1e-5, atol=2e-6)


def test_the_mean_of_views_is_as_sure_as_the_mean_of_their_scores():
    # scores 0.9, 0.1 and 0.2, 0.6 (times 1): mean 0.55, 0.35, of 0.9; no-object masses
    # 1 - 1 * 1 = 0 and 1 - 0.8 * 1 = 0.2, mean 0.1
    views = [[[0.9, 0.1, 1e-30]], [[0.2, 0.6, 0.2]]]
    maps = [
        TiledScores(
            Placement.whole((1, 1)),
            single_window(
                ScoreWindow.of(
                    torch.tensor(x).log(), torch.full((1, 1, 1), 50.0), (1, 1)
                )
            ),
            no_object=True,
        )
        for x in views
    ]
    found = semantic_maps(MeanScores(maps), from_logits=False)
    assert found.labels.item() == 0
    assert found.confidence.item() == pytest.approx(0.55 / 0.9)
    assert found.no_object.item() == pytest.approx(0.1)
