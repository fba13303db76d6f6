"""General and iterative inference of label maps: closed forms and a slow reference."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.core.bands import Frame
from mmseg_maskformer.core.inference import (
    general_labels,
    iterative_labels,
    semantic_labels,
)
from tests import reference

VOID = 255
TILES = [1, 3001, None]


def outputs(grid, num_queries=20, num_classes=7, seed=0):
    """Class logits (Q, K + 1) and overlapping round masks (Q, h, w) as logits."""
    generator = torch.Generator().manual_seed(seed)
    class_logits = 2 * torch.randn(num_queries, num_classes + 1, generator=generator)
    centres = torch.rand(num_queries, 2, generator=generator)
    rows, columns = (torch.linspace(0, 1, n) for n in grid)
    distance = (rows[:, None] - centres[:, 0, None, None]) ** 2
    distance = distance + (columns - centres[:, 1, None, None]) ** 2
    return class_logits, 4.0 - 60.0 * distance


def reference_labels(class_logits, probs, score, overlap):
    """Query by query: compete, take out what contributes too little, again."""
    scores, labels = class_logits.softmax(-1).max(-1)
    no_object = class_logits.shape[1] - 1
    kept = [
        q for q in range(len(labels)) if labels[q] != no_object and scores[q] > score
    ]
    rounds = 0
    while kept:
        rounds += 1
        winner = (scores[kept, None, None] * probs[kept]).argmax(0)
        lasting = [
            q
            for place, q in enumerate(kept)
            if (winner == place).sum() >= overlap * (probs[q] >= 0.5).sum()
        ]
        if lasting == kept:
            return labels[torch.tensor(kept)][winner], rounds
        kept = lasting
    return torch.full(probs.shape[1:], VOID), rounds


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("seed", range(4))
def test_equal_the_rules_query_by_query(seed, tile):
    class_logits, mask_logits = outputs((40, 53), seed=seed)
    frame = Frame.whole((40, 53))
    image = (class_logits, mask_logits, frame, VOID, 0.3)
    probs = mask_logits.sigmoid()
    general, rounds = reference_labels(class_logits, probs, 0.3, 0.0)
    assert rounds == 1
    assert torch.equal(general_labels(*image, tile=tile), general)
    iterative, rounds = reference_labels(class_logits, probs, 0.3, 0.6)
    assert rounds == 2  # the case repeats, and no query leaves then
    assert not torch.equal(iterative, general)
    assert torch.equal(iterative_labels(*image, 0.6, tile=tile), iterative)


def test_logits_are_cropped_and_resized_before_the_sigmoid():
    class_logits, mask_logits = outputs((16, 21), seed=3)
    logits = reference.resize_bilinear(mask_logits[None].double(), (64, 84))
    probs = reference.postprocess(logits, (60, 81), (90, 100))[0].sigmoid()
    frame = Frame((64, 84), (0, 60, 0, 81), (90, 100))
    for rule, overlap in ((general_labels, 0.0), (iterative_labels, 0.3)):
        expected, _ = reference_labels(class_logits, probs, 0.3, overlap)
        found = rule(class_logits, mask_logits, frame, VOID)
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
    masks, frame = column([0.9, 0.6], [0.5, 0.5]), Frame.whole((2, 1))
    found = general_labels(class_logits, masks, frame, VOID)
    assert found.flatten().tolist() == [0, 1]
    assert semantic_labels(class_logits, masks, frame).flatten().tolist() == [1, 1]


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
    frame = Frame.whole((1, 1))
    for rule in (general_labels, iterative_labels):
        assert rule(probs.log(), masks, frame, VOID).item() == 2
        assert rule(probs.log(), masks, frame, VOID, 0.28).item() == 0
        assert rule(probs.log(), masks, frame, VOID, 0.5).item() == VOID


@pytest.mark.parametrize("rule", [general_labels, iterative_labels])
def test_a_probability_equal_to_the_threshold_is_too_little(rule):
    # softmax of 0, -10000, 0 is 0.5, 0, 0.5; of equal ones the first is meant
    class_logits = torch.tensor([[0.0, -1e4, 0.0]])
    image = (class_logits, column([0.99]), Frame.whole((1, 1)), VOID)
    assert rule(*image, 0.5).item() == VOID
    assert rule(*image, 0.499).item() == 0


def test_a_query_that_wins_little_of_its_mask_leaves_and_the_rest_competes_again():
    # class probabilities 0.95, 0.9, 0.85 of classes 0, 1, 2; rows are pixels.
    # Round 1: query 0 holds pixels 0-4 (5 of 5). Query 1 claims 0-5 and wins pixel 5: 1
    # of 6 < 0.3, out. Query 2 claims 5-7 and wins 6, 7: 2 of 3.
    # Round 2: pixel 5 goes to query 2, all stay.
    class_logits = torch.tensor(
        [
            [0.95, 0.03, 0.01, 0.01],
            [0.03, 0.9, 0.03, 0.04],
            [0.05, 0.05, 0.85, 0.05],
        ]
    ).log()
    high, low = 0.99, 0.01
    masks = column(
        [high] * 5 + [low] * 3,
        [high] * 6 + [low] * 2,
        [low] * 5 + [high] * 3,
    )
    image = (class_logits, masks, Frame.whole((8, 1)), VOID)
    assert general_labels(*image).flatten().tolist() == [0] * 5 + [1] + [2] * 2
    assert iterative_labels(*image).flatten().tolist() == [0] * 5 + [2] * 3
    # 1 / 6 = 0.167: at 0.15 query 1 stays
    same = iterative_labels(*image, overlap_threshold=0.15)
    assert same.flatten().tolist() == [0] * 5 + [1] + [2] * 2


def test_void_where_nobody_competes_or_everybody_leaves():
    # four queries claim four pixels each and win one: 0.25 is less than 0.3
    probs = torch.full((4, 4), 0.8) + 0.1 * torch.eye(4)
    masks = column(*probs.tolist())
    sure = torch.tensor([[0.9, 0.05, 0.05]]).expand(4, 3).log()
    image = (masks, Frame.whole((4, 1)), 65535)
    assert iterative_labels(sure, *image).flatten().tolist() == [65535] * 4
    everybody = iterative_labels(sure, *image, overlap_threshold=0.25)
    assert everybody.flatten().tolist() == [0] * 4
    assert general_labels(sure, *image).flatten().tolist() == [0] * 4
    nothing = sure.flip(1)  # "no object" has 0.9
    assert general_labels(nothing, *image).flatten().tolist() == [65535] * 4
    assert iterative_labels(nothing, *image).dtype == torch.int64
