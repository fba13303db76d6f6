"""Paint the pictures of docs/scenes.md: ``python tools/analysis/scene_gallery.py``."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from mmseg_maskformer.datasets.palette import class_palette
from mmseg_maskformer.datasets.scenes.rendering import Scene, SceneRenderer
from mmseg_maskformer.engine.arguments import at_least_one

GAP = 3


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder")
    parser.add_argument(
        "--num", type=at_least_one, default=6, help="scenes per picture"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the scenes")
    return parser.parse_args()


def tiled(rows: list[list[np.ndarray]]) -> np.ndarray:
    """Rows of equal tiles, with white between them."""
    edge = ((0, GAP), (0, GAP), (0, 0))
    padded = [[np.pad(tile, edge, constant_values=255) for tile in row] for row in rows]
    return np.vstack([np.hstack(row) for row in padded])[:-GAP, :-GAP]


def gallery(renderer: SceneRenderer, seed: int, num: int) -> np.ndarray:
    """Images, semantic maps and segment maps below each other."""
    palette = np.array([*class_palette(renderer.num_classes), (0, 0, 0)], np.uint8)
    segment_palette = np.array([(0, 0, 0), *class_palette(99)], np.uint8)
    scenes: list[Scene] = [renderer.render(seed, index) for index in range(num)]
    semantic = [np.minimum(scene.semantic, renderer.num_classes) for scene in scenes]
    return tiled(
        [
            [scene.image for scene in scenes],
            [palette[labels] for labels in semantic],
            [segment_palette[scene.segments] for scene in scenes],
        ]
    )


def same_class(renderer: SceneRenderer, seed: int, label: int, num: int) -> np.ndarray:
    """Scenes that hold ``label``, everything else dimmed."""
    tiles: list[np.ndarray] = []
    index = 0
    while len(tiles) < num:
        scene = renderer.render(seed, index)
        inside = scene.semantic == label
        index += 1
        if inside.sum() > 500:
            dimmed = np.uint8(215 + scene.image / 8)
            tiles.append(np.where(inside[..., None], scene.image, dimmed))
    return tiled([tiles])


def main() -> None:
    """Render and save, with 96 colours so that the files stay small."""
    args = parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    few = SceneRenderer(num_things=6, num_stuff=6, void_width=1.5)
    many = SceneRenderer(num_things=100, num_stuff=747)
    pictures = {
        "scenes_12.png": gallery(few, args.seed, args.num),
        "scenes_847.png": gallery(many, args.seed, args.num),
        "scenes_same_class.png": np.vstack(
            [same_class(few, args.seed, label, args.num) for label in (2, 9)]
        ),
    }
    for name, picture in pictures.items():
        image = Image.fromarray(picture).quantize(96, dither=Image.Dither.NONE)
        image.save(args.out / name, optimize=True)
        print(args.out / name)


if __name__ == "__main__":
    main()
