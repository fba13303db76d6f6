"""Run-length codes of all numbers of a map at once: those of pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as mask_api

from mmseg_maskformer.datasets.coco.masks import codes_of_map, measured

RING = np.array(  # 7 has a hole, 3 has two parts
    [
        [0, 7, 7, 7, 0],
        [0, 7, 0, 7, 3],
        [0, 7, 7, 7, 0],
        [3, 0, 0, 0, 0],
    ]
)


def test_holes_and_parts_are_counted_down_the_columns():
    codes = codes_of_map(RING)
    # column 1 is 7 7 7 0, column 2 is 7 0 7 0; column 0 ends with 3
    counts = {7: [4, 3, 1, 1, 1, 1, 1, 3, 5], 3: [3, 1, 13, 1, 2]}
    assert codes == {
        x: mask_api.frPyObjects(dict(size=[4, 5], counts=counts[x]), 4, 5)
        for x in (3, 7)
    }
    found = {x: measured(code) for x, code in codes.items()}
    assert [found[x]["area"] for x in (3, 7)] == [2, 8]
    assert [found[x]["bbox"] for x in (3, 7)] == [[0, 1, 5, 3], [1, 0, 3, 3]]


@pytest.mark.parametrize("kind", [np.uint8, ">u2", np.int32, np.uint64])
def test_codes_are_those_of_the_single_masks(kind):
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 5, (9, 7)).repeat(3, axis=0).astype(kind)
    numbers[-1, -1] = 200  # the last pixel of all
    codes = codes_of_map(numbers)
    assert [*codes] == [1, 2, 3, 4, 200]
    for number, code in codes.items():
        mask = np.asfortranarray(numbers == number, dtype=np.uint8)
        assert code == mask_api.encode(mask)


def test_a_map_of_one_number_and_one_of_none():
    assert codes_of_map(np.zeros((2, 3), int)) == {}
    whole = mask_api.encode(np.ones((2, 3), np.uint8, order="F"))
    assert codes_of_map(np.full((2, 3), 9)) == {9: whole}
