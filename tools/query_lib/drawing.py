"""Pictures of queries: their masks over images, with NumPy and Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from mmseg_maskformer.visualization.fonts import readable, text_font
from mmseg_maskformer.visualization.panoptic_drawing import Palette
from shared.prediction_sheet import GAP, LINE, size_at_width

from .against import ClassQueries, QueryComparison
from .analysis import NOTHING, ImageQueries
from .attention import ImageAttention

_STRENGTH = 0.65  # of a mask's colour
# of queries or things of one class: red, blue, yellow, green, purple, turquoise
COLOURS = [
    *((230, 40, 40), (40, 90, 240), (240, 200, 30)),
    *((30, 170, 70), (160, 60, 200), (40, 200, 210)),
]


class Tile(NamedTuple):
    """A picture and the line below it."""

    image: np.ndarray  # (h, w, 3) uint8, RGB
    text: str


def masks_over(
    image: np.ndarray, masks: np.ndarray, colours: Palette, width: int
) -> np.ndarray:
    """Probabilities (n, h, w) in their colours over a grey image ``width`` wide."""
    size = size_at_width(image, width)
    grey = Image.fromarray(image).convert("L").convert("RGB").resize(size)
    canvas: np.ndarray = np.asarray(grey, dtype=np.float32)
    for mask, colour in zip(masks, colours, strict=True):
        probs = Image.fromarray(np.asarray(mask, dtype=np.float32))
        large = probs.resize(size, Image.Resampling.BILINEAR)
        share = _STRENGTH * np.asarray(large)[..., None]
        canvas = (1 - share) * canvas + share * np.asarray(colour, dtype=np.float32)
    return canvas.round().astype(np.uint8)


def query_tile(
    found: ImageQueries,
    query: int,
    classes: Sequence[str],
    palette: Palette,
    width: int,
) -> Tile:
    """The mask of one query in the colour of the class that it predicts."""
    label = int(found.labels[query])
    colour = (128, 128, 128) if label == NOTHING else palette[label]
    name = "no object" if label == NOTHING else readable(classes)[0][label]
    picture = masks_over(found.image, found.masks[query][None], [colour], width)
    return Tile(picture, f"query {query}: {name} {found.scores[query]:.2f}")


def proposal_rows(
    layers: Sequence[ImageQueries],
    numbers: Sequence[int],
    queries: Sequence[int] | None,
    meta: dict,
    width: int,
) -> list[list[Tile]]:
    """Masks of queries in one image: a row for each, with the image and every layer.

    Args:
        layers: what the queries say after each of them.
        numbers: of decoder layers passed.
        queries: to paint; by default the two with the surest class in the end, of
            things where the data set has things.
        meta: of the data set, with classes and palette.
        width: of a tile, in pixels.
    """
    last = layers[-1]
    names = readable(meta["classes"])[0]
    if queries is None:
        things = len(meta.get("thing_classes", ())) or len(names)
        wanted = (last.labels != NOTHING) & (last.labels < things)
        order = np.argsort(-np.where(wanted, last.scores, -1.0), kind="stable")
        queries = order[:2].tolist()
    painting = (meta["classes"], meta["palette"], width)
    rows = []
    for query in queries:
        label = int(last.labels[query])
        name = "no object" if label == NOTHING else names[label]
        row = [
            Tile(
                masks_over(last.image, last.masks[:0], [], width),
                f"query {query}: {name}",
            )
        ]
        for found, number in zip(layers, numbers, strict=True):
            tile = query_tile(found, query, *painting)
            text = f"layers {number}: {found.scores[query]:.2f}"
            row.append(tile._replace(text=text))
        rows.append(row)
    return rows


def attention_row(
    found: ImageAttention, place: int, meta: dict, width: int
) -> list[Tile]:
    """A segment, and what its query looks at in the last three layers, the most in red.

    A layer that reads several memories has a tile for each.

    Args:
        found: attention in one image.
        place: of the query among those that are matched.
        meta: of the data set, with classes and palette.
        width: of a tile, in pixels.
    """
    label, query = int(found.labels[place]), found.queries[place]
    name = readable(meta["classes"])[0][label]
    segment = found.masks[place][None]
    colours = [meta["palette"][label]]
    row = [Tile(masks_over(found.image, segment, colours, width), f"{query}: {name}")]
    for layer in list(range(len(found.layers)))[-3:]:
        for maps in found.layers[layer]:
            weights = maps[place][None] / max(maps[place].max(), 1e-12)
            picture = masks_over(found.image, weights, COLOURS[:1], width)
            text = f"layer {layer + 1}: {100 * found.shares[layer, place]:.0f} %"
            row.append(Tile(picture, text))
    return row


def comparison_tiles(
    found: QueryComparison, classes: Sequence[str], width: int
) -> list[Tile]:
    """Image, things, and the queries of either model, each in a colour of its own."""
    size = size_at_width(found.image, width)
    image = np.asarray(Image.fromarray(found.image).resize(size))
    number = len(found.things)
    things = masks_over(found.image, found.things, _colours(number), width)
    return [
        Tile(image, readable(classes)[0][found.label]),
        Tile(things, f"{number} things"),
        _class_tile(found.image, found.semantic, "semantic", width),
        _class_tile(found.image, found.panoptic, "panoptic", width),
    ]


def _class_tile(image: np.ndarray, found: ClassQueries, name: str, width: int) -> Tile:
    """All queries of a class in one picture."""
    picture = masks_over(image, found.masks, _colours(len(found.masks)), width)
    numbers = ", ".join(map(str, found.queries))
    return Tile(picture, f"{name}: query {numbers}" if numbers else f"{name}: none")


def _colours(number: int) -> Palette:
    return [COLOURS[place % len(COLOURS)] for place in range(number)]


def sheet(rows: Sequence[Sequence[Tile]]) -> Image.Image:
    """Rows of tiles of one width, each with its text below; at least one tile."""
    tiles = [tile for row in rows for tile in row]
    width = max(tile.image.shape[1] for tile in tiles) + GAP
    heights = [max(x.image.shape[0] for x in row) + LINE + GAP for row in rows]
    columns = max(map(len, rows))
    canvas = Image.new("RGB", (columns * width - GAP, sum(heights) - GAP), "white")
    draw = ImageDraw.Draw(canvas)
    font = text_font(10, frozenset("".join(tile.text for tile in tiles)))
    tops = np.cumsum([0, *heights])
    for top, row in zip(tops.tolist(), rows, strict=False):
        for column, tile in enumerate(row):
            canvas.paste(Image.fromarray(tile.image), (column * width, top))
            place = (column * width + 2, top + tile.image.shape[0] + 1)
            draw.text(place, tile.text, font=font, fill="black")
    return canvas
