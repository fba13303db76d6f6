"""General and iterative inference of label maps: closed forms and a slow reference."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core.inference import (
    general_labels,
    iterative_labels,
    semantic_labels,
)
from mmseg_maskformer.core.tiling import Placement
from tests import reference, reference_variants
from tests.helpers.queries import TILES

VOID = 255


def outputs(grid, num_queries=20, num_classes=7, seed=0):
    """Class logits (Q, K + 1) and overlapping round masks (Q, h, w) as logits."""
    generator = torch.Generator().manual_seed(seed)
    class_logits = 2 * torch.randn(num_queries, num_classes + 1, generator=generator)
    centres = torch.rand(num_queries, 2, generator=generator)
    rows, columns = (torch.linspace(0, 1, n) for n in grid)
    distance = (rows[:, None] - centres[:, 0, None, None]) ** 2
    distance = distance + (columns - centres[:, 1, None, None]) ** 2
    return class_logits, 4.0 - 60.0 * distance


def general_reference(class_logits, probs, threshold):
    """The class of the confident query with the highest product at each pixel."""
    scores, labels = class_logits.softmax(-1).max(-1)
    no_object = class_logits.shape[1] - 1
    kept = [
        q
        for q in range(len(labels))
        if labels[q] != no_object and scores[q] > threshold
    ]
    return labels[kept][(scores[kept, None, None] * probs[kept]).argmax(0)]


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("seed", [2, 4, 5, 6])
def test_equal_the_rules_query_by_query(seed, tile, set_tile):
    set_tile(tile)
    class_logits, mask_logits = outputs((40, 53), seed=seed)
    image = (class_logits, mask_logits, Placement.whole((40, 53)), VOID)
    probs = mask_logits.sigmoid()
    general = general_reference(class_logits, probs, 0.3)
    assert torch.equal(general_labels(*image, 0.3), general)
    iterative, rounds = reference_variants.iterative_map(class_logits, probs, VOID, 0.3)
    assert rounds == 3  # some leave after others have left
    assert torch.equal(iterative_labels(*image, 0.3), iterative)
    assert not torch.equal(iterative, semantic_labels(*image[:3]))


def test_general_crops_and_resizes_logits_and_iterative_probabilities():
    class_logits, mask_logits = outputs((16, 21), seed=3)
    placement = Placement((64, 84), (0, 60, 0, 81), (90, 100))
    logits = reference.resize_bilinear(mask_logits[None].double(), (64, 84))
    probs = reference.postprocess(logits, (60, 81), (90, 100))[0].sigmoid()
    general = general_reference(class_logits, probs, 0.3)
    probs = reference.postprocess(logits.sigmoid(), (60, 81), (90, 100))[0]
    iterative, rounds = reference_variants.iterative_map(class_logits, probs, VOID, 0.3)
    assert rounds > 1
    rules = ((general_labels, general), (iterative_labels, iterative))
    for rule, expected in rules:
        found = rule(class_logits, mask_logits, placement, VOID)
        assert len(expected.unique()) >= 3
        assert (found == expected).double().mean() > 0.9995  # ties of rounding


def column(*masks):
    """Mask probabilities (Q, P) as logits of images one pixel wide."""
    return torch.tensor(masks)[..., None].logit()


def test_a_query_wins_by_class_and_mask_probability():
    # 0.6 * 0.9 = 0.54 against 0.9 * 0.5 = 0.45, then 0.6 * 0.6 = 0.36 against 0.45.
    # Sums over queries prefer class 1 at the first pixel too: 0.39 * 0.9 + 0.45 = 0.80
    # against 0.54 + 0.05 * 0.5.
    class_logits = torch.tensor([[0.6, 0.39, 0.01], [0.05, 0.9, 0.05]]).log()
    masks, placement = column([0.9, 0.6], [0.5, 0.5]), Placement.whole((2, 1))
    found = general_labels(class_logits, masks, placement, VOID)
    assert found.flatten().tolist() == [0, 1]
    assert semantic_labels(class_logits, masks, placement).flatten().tolist() == [1, 1]


def test_thresholds_and_no_object_decide_who_competes():
    # query 0: best class 0.29, under 0.3; query 1: "no object" is best; query 2: 0.31
    probs = torch.tensor(
        [
            [0.29, 0.28, 0.28, 0.15],
            [0.45, 0.05, 0.04, 0.46],
            [0.23, 0.23, 0.31, 0.23],
        ]
    )
    masks = column([0.99], [0.99], [0.02])
    placement = Placement.whole((1, 1))
    assert general_labels(probs.log(), masks, placement, VOID).item() == 2
    assert general_labels(probs.log(), masks, placement, VOID, 0.28).item() == 0
    assert general_labels(probs.log(), masks, placement, VOID, 0.5).item() == VOID


def test_a_probability_equal_to_the_threshold_is_too_little():
    # softmax of 0, -10000, 0 is 0.5, 0, 0.5; of equal ones the first is meant
    class_logits = torch.tensor([[0.0, -1e4, 0.0]])
    image = (class_logits, column([0.99]), Placement.whole((1, 1)), VOID)
    assert general_labels(*image, 0.5).item() == VOID
    assert general_labels(*image, 0.499).item() == 0


def test_void_where_nobody_competes():
    sure = torch.tensor([[0.05, 0.05, 0.9]]).log()  # of "no object"
    found = general_labels(sure, column([0.9, 0.9]), Placement.whole((2, 1)), 65535)
    assert found.flatten().tolist() == [65535] * 2
    assert found.dtype == torch.int64


HIGH, LOW = [0.99], [0.01]
# Class probabilities with "no object" last, mask probabilities of the pixels; labels of
# the semantic and of the iterative rule.
HAND_MADE = {
    # Nobody is sure (0.28), each mask has its own class on both of its pixels.
    "no confidence filter": (
        [[0.28, 0.24, 0.24, 0.24], [0.24, 0.28, 0.24, 0.24]],
        [HIGH * 2 + LOW * 2, LOW * 2 + HIGH * 2],
        [0, 0, 1, 1],
        [0, 0, 1, 1],
    ),
    # 0.9 (0.5 + 0.5 + 0.2) against 0.9 (0.1 + 0.1 + 0.6): class 1 is nowhere
    "the third mask leaves": (
        [[0.5, 0.1, 0.2, 0.2], [0.5, 0.1, 0.2, 0.2], [0.2, 0.6, 0.1, 0.1]],
        [[0.9] * 4] * 3,
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ),
    # Left, class 2 has 0.35 + 0.38 against 0.5 + 0.1 and 0.1 + 0.4. Mask 0 has its
    # class on the right (2 of 4), mask 1 nowhere; without mask 1 class 0 has all.
    "a mask leaves and labels change": (
        [[0.5, 0.1, 0.35, 0.05], [0.1, 0.4, 0.38, 0.12]],
        [HIGH * 4, HIGH * 2 + LOW * 2],
        [2, 2, 0, 0],
        [0, 0, 0, 0],
    ),
    # As left above, everywhere: neither mask has a pixel of its class.
    "none is left": (
        [[0.5, 0.1, 0.35, 0.05], [0.1, 0.4, 0.38, 0.12]],
        [HIGH * 4, HIGH * 4],
        [2, 2, 2, 2],
        [VOID] * 4,
    ),
    # 0.9 * 0.4 = 0.36 is the highest score, and a mask below 1/2 has no area
    "a mask without area": ([[0.9, 0.05, 0.05]], [[0.4] * 4], [0] * 4, [VOID] * 4),
    "a mask of one half has an area": ([[0.9, 0.1]], [[0.5] * 4], [0] * 4, [0] * 4),
    # the best class of a mask is one of K, however likely "no object" is
    "no object is no class": ([[0.1, 0.05, 0.85]], [HIGH * 4], [0] * 4, [0] * 4),
}


@pytest.mark.parametrize("case", HAND_MADE)
def test_iterative_of_hand_made_cases(case):
    probs, masks, semantic, iterative = HAND_MADE[case]
    probs = torch.tensor(probs)
    image = (probs.log(), column(*masks), Placement.whole((4, 1)))
    assert semantic_labels(*image).flatten().tolist() == semantic
    found = iterative_labels(*image, VOID)
    assert found.flatten().tolist() == iterative
    assert found.dtype == torch.int64


@pytest.mark.parametrize(("threshold", "label"), [(0.3, 0), (0.301, 1)])
def test_a_contribution_equal_to_the_threshold_is_enough(threshold, label):
    # Mask 0 has class 0 with 0.5 and mask 1 class 1 with 0.9, which has seven of the
    # ten pixels of mask 0; of the other three class 0 has 0.5 against 0.4.
    probs = torch.tensor([[0.5, 0.4, 0.1], [0.05, 0.9, 0.05]])
    masks = column([0.99] * 10, [0.99] * 7 + [0.01] * 3)
    image = (probs.log(), masks, Placement.whole((10, 1)), VOID)
    found = iterative_labels(*image, overlap_threshold=threshold)
    assert found.flatten().tolist() == [1] * 7 + [label] * 3
