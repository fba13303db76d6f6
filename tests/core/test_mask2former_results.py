"""The results of Mask2Former's original code from given logits."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmseg_maskformer.core.instances import instances
from mmseg_maskformer.core.panoptic import panoptic_segments
from mmseg_maskformer.core.score_maps import (
    ResizedMaskScores,
    ScoreWindow,
    best_labels,
)
from mmseg_maskformer.core.tiling import Placement
from tests.helpers.queries import TILES

BIG = 20.0  # sigmoid(20) is 1 - 2e-9


def original_cases(folder):
    """Class logits, mask logits and the other arrays of each case, by short names."""
    data = np.load(folder / "mask2former_results.npz")
    for name in sorted(key for key in data if key.endswith("_cls")):
        case = name.removesuffix("cls")
        found = {key.removeprefix(case): data[key] for key in data if case in key}
        image = torch.from_numpy(found["cls"]), torch.from_numpy(found["mask"])
        yield *image, Placement.whole(tuple(found["mask"].shape[-2:])), found


@pytest.mark.parametrize("tile", TILES)
def test_panoptic_maps_equal_the_originals(golden, tile, set_tile):
    set_tile(tile)
    for class_logits, mask_logits, placement, case in original_cases(golden):
        found = panoptic_segments(
            class_logits,
            mask_logits,
            placement,
            num_things=int(case["things"]),
            score_threshold=float(case["thresholds"][0]),
            overlap_threshold=float(case["thresholds"][1]),
            inside_masks=True,
        )
        assert np.array_equal(found.segment_map.numpy(), case["map"])
        segments = json.loads(str(case["info"]))
        assert [x["id"] for x in segments] == list(range(1, len(segments) + 1))
        assert found.labels.tolist() == [x["category_id"] for x in segments]


def test_label_maps_equal_the_originals(golden):
    for class_logits, mask_logits, placement, case in original_cases(golden):
        window = ScoreWindow.of(class_logits, mask_logits, placement.size)
        found = best_labels(ResizedMaskScores(window, placement))
        assert np.array_equal(found.numpy(), case["sem"])


def test_instances_equal_the_originals(golden):
    for class_logits, mask_logits, placement, case in original_cases(golden):
        wanted = np.unpackbits(case["masks"], axis=-1, count=placement.out_size[1])
        found = instances(
            class_logits,
            mask_logits,
            placement,
            num_things=int(case["things"]),
            max_per_image=int(case["topk"]),
        )
        assert found.labels.tolist() == case["classes"].tolist()
        scores = torch.from_numpy(case["scores"])
        torch.testing.assert_close(found.scores, scores, rtol=1e-6, atol=1e-7)
        assert np.array_equal(found.masks.numpy(), wanted.astype(bool))


@pytest.mark.parametrize(
    ("inside", "wanted", "labels"),
    [(False, [1, 1, 2, 3], [0, 1, 3]), (True, [1, 0, 0, 2], [0, 3])],
)
def test_segments_end_where_the_mask_probability_is_below_one_half(
    inside, wanted, labels
):
    # Query 0 wins two pixels but is likely on one; query 1 wins one where it is not
    # likely, and is likely on one that query 2 wins.
    masks = torch.full((3, 1, 4), -BIG)
    masks[0, 0] = torch.tensor([BIG, -1, -BIG, -BIG])
    masks[1, 0] = torch.tensor([-BIG, -2, -1, 0.1])
    masks[2, 0, 3] = BIG
    class_logits = BIG * torch.eye(5)[[0, 1, 3]]
    found = panoptic_segments(
        class_logits, masks, Placement.whole((1, 4)), num_things=4, inside_masks=inside
    )
    assert found.segment_map[0].tolist() == wanted
    assert found.labels.tolist() == labels
