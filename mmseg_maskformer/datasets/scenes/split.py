"""A split of rendered scenes, and their images as files that are drawn when read.

The host's file storage opens ``scenes://...`` like any other path, so that whoever only
has the path of an image, as the hosts' visualization hooks, finds it.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.fileio import BaseStorageBackend, register_backend
from PIL import Image

from mmseg_maskformer.datasets.palette import class_palette
from mmseg_maskformer.datasets.scenes.classes import class_names
from mmseg_maskformer.datasets.scenes.rendering import Scene, SceneRenderer

_PATH = re.compile(
    r"scenes://things(\d+)-stuff(\d+)/(\d+)x(\d+)-noise(.+)/seed(\d+)/(\d+)\.png"
)


@dataclass(frozen=True)
class SceneSplit:
    """Scenes 0..num_images - 1 of a seed.

    Raises:
        ValueError: There is no scene, or the seed is negative.
    """

    num_images: int
    seed: int
    renderer: SceneRenderer

    def __post_init__(self) -> None:
        if self.num_images < 1 or self.seed < 0:
            raise ValueError(
                f"num_images={self.num_images} and seed={self.seed} of ScenesDataset "
                "must be at least 1 and 0."
            )

    @property
    def metainfo(self) -> dict[str, Any]:
        """Names and colours of the classes, things first."""
        kind = self.renderer
        return dict(
            classes=class_names(kind.num_things, kind.num_stuff),
            palette=class_palette(kind.num_classes),
        )

    def path(self, index: int) -> str:
        """Where the host's file storage finds the image; says all that it shows."""
        kind = self.renderer
        height, width = kind.size
        return (
            f"scenes://things{kind.num_things}-stuff{kind.num_stuff}/{height}x{width}"
            f"-noise{float(kind.noise)}/seed{self.seed}/{index:06d}.png"
        )

    def infos(self) -> list[dict[str, Any]]:
        """Path and number of every scene; nothing is drawn."""
        return [
            dict(img_path=self.path(index), scene_index=index)
            for index in range(self.num_images)
        ]

    def render(self, index: int) -> tuple[Scene, dict[str, Any]]:
        """A scene, and its image as pipelines expect it: (H, W, 3) uint8, BGR."""
        scene = self.renderer.render(self.seed, index)
        size = scene.semantic.shape
        bgr = np.ascontiguousarray(scene.image[..., ::-1])
        return scene, dict(img=bgr, img_shape=size, ori_shape=size)


@register_backend("scenes", prefixes="scenes", force=True)
class SceneStorage(BaseStorageBackend):
    """Reads ``SceneSplit.path`` by drawing the scene."""

    def get(self, filepath: str) -> bytes:
        """The image as a PNG file.

        Raises:
            FileNotFoundError: The path is none of a scene.
        """
        found = _PATH.fullmatch(str(filepath))
        if not found:
            raise FileNotFoundError(
                f"{filepath} names no scene: ScenesDataset writes such paths, as in "
                f"{SceneSplit(1, 0, SceneRenderer()).path(0)}."
            )
        things, stuff, height, width, noise, seed, index = found.groups()
        renderer = SceneRenderer(
            int(things), int(stuff), (int(height), int(width)), float(noise)
        )
        content = io.BytesIO()
        scene = renderer.render(int(seed), int(index))
        Image.fromarray(scene.image).save(content, format="PNG")
        return content.getvalue()

    def get_text(self, filepath: str) -> str:
        """Scenes have no text."""
        raise NotImplementedError(f"{filepath} is an image and has no text.")
