"""Pictures of queries: the right colour in the right place."""

from __future__ import annotations

import numpy as np

from query_lib.against import ClassQueries, QueryComparison
from query_lib.analysis import ImageQueries
from query_lib.drawing import (
    COLOURS,
    Tile,
    comparison_tiles,
    masks_over,
    query_tile,
    sheet,
)

IMAGE = np.full((8, 8, 3), 100, np.uint8)
HALF = np.repeat([[1.0, 0.0]], 2, axis=0)  # the left half of 2 x 2 cells


def test_a_mask_has_its_colour_and_the_rest_is_grey():
    """Colour 200, 0, 40: 0.65 * 200 + 0.35 * 100 = 165; 35; 0.65 * 40 + 35 = 61."""
    found = masks_over(IMAGE, HALF[None], [(200, 0, 40)], width=16)
    assert found.shape == (16, 16, 3)
    assert found[:, 0].tolist() == [[165, 35, 61]] * 16
    assert found[:, -1].tolist() == [[100] * 3] * 16


def test_tile_says_what_the_query_predicts():
    masks = np.stack([HALF, 1 - HALF])
    found = ImageQueries(IMAGE, None, np.array([1, -1]), np.array([0.987, 0.2]), masks)
    palette = [(0, 0, 0), (200, 0, 40)]
    tile = query_tile(found, 0, ["sky", "sea"], palette, width=8)
    assert tile.text == "query 0: sea 0.99"
    assert tile.image[0, 0].tolist() == [165, 35, 61]
    assert query_tile(found, 1, ["sky", "sea"], palette, 8).text.endswith(
        "no object 0.20"
    )


def test_comparison_shows_each_query_in_a_colour_of_its_own():
    things = np.zeros((2, 8, 8), bool)
    things[0, :, :4] = things[1, :, 4:] = True
    nothing = ClassQueries(np.array([], int), np.zeros((0, 2, 2)), np.array([], int))
    both = ClassQueries(np.array([3, 7]), np.stack([HALF, 1 - HALF]), np.array([1, 1]))
    found = QueryComparison(IMAGE, 0, things, nothing, both)
    tiles = comparison_tiles(found, ["car"], width=8)
    texts = ["car", "2 things", "semantic: none", "panoptic: query 3, 7"]
    assert [tile.text for tile in tiles] == texts
    expected = [[round(0.65 * x + 35) for x in colour] for colour in COLOURS[:2]]
    assert [tiles[3].image[0, x].tolist() for x in (0, -1)] == expected
    assert np.unique(tiles[2].image).tolist() == [100]


def test_sheet_puts_rows_below_each_other():
    """Tiles of 10 x 20 and 6 x 20 pixels, 4 between them, 14 for each text."""
    rows = [
        [Tile(np.full((10, 20, 3), 50, np.uint8), "")] * 2,
        [Tile(np.full((6, 20, 3), 90, np.uint8), "")],
    ]
    found = np.asarray(sheet(rows))
    assert found.shape == (10 + 14 + 4 + 6 + 14, 2 * 20 + 4, 3)
    assert found[:10, 24:].reshape(-1, 3).tolist() == [[50] * 3] * 200
    assert found[28:34, :20].reshape(-1, 3).tolist() == [[90] * 3] * 120
    assert np.unique(found[28:34, 20:]).tolist() == [255]
