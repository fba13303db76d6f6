"""Rendered scenes as an MMSegmentation data set that needs no files."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset

from mmseg_maskformer.datasets.scene_classes import class_names, class_palette
from mmseg_maskformer.datasets.scene_rendering import SceneRenderer


class ScenesDataset(BaseSegDataset):
    """Scenes drawn while they are asked for, see docs/scenes.md.

    A sample reaches the pipeline with ``img`` (BGR) and ``gt_seg_map`` in place, so the
    pipeline loads nothing.

    Args:
        num_images: length of the data set.
        seed: of the split; other seeds give other scenes of the same classes.
        scene: arguments of :class:`SceneRenderer`: ``num_things``, ``num_stuff``,
            ``size`` (height, width), ``noise``, ``void_width``.
        kwargs: of the host's ``BaseSegDataset``, ``pipeline`` above all.

    With 255 classes or more ``ignore_index`` of the data set is 65535; head and metric
    must be told so.
    """

    def __init__(
        self,
        num_images: int,
        seed: int = 0,
        scene: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if num_images < 1 or seed < 0:
            raise ValueError(
                f"num_images={num_images} and seed={seed} of ScenesDataset must be at "
                "least 1 and 0."
            )
        self.renderer = SceneRenderer(**(scene or {}))
        self.num_images = num_images
        self.seed = seed
        renderer = self.renderer
        metainfo = dict(
            classes=class_names(renderer.num_things, renderer.num_stuff),
            palette=class_palette(renderer.num_classes),
        )
        super().__init__(metainfo=metainfo, ignore_index=renderer.void_label, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Name the scenes; nothing is drawn yet."""
        return [
            dict(
                img_path=f"scenes://seed{self.seed}/{index:06d}",
                reduce_zero_label=False,
                label_map=None,
                scene_index=index,
            )
            for index in range(self.num_images)
        ]

    def get_data_info(self, idx: int) -> dict:
        """Draw a scene: ``img`` (H, W, 3) uint8 BGR and ``gt_seg_map`` (H, W)."""
        info = super().get_data_info(idx)
        scene = self.renderer.render(self.seed, info["scene_index"])
        size = scene.semantic.shape
        narrow = self.renderer.void_label <= np.iinfo(np.uint8).max
        return dict(
            info,
            img=np.ascontiguousarray(scene.image[..., ::-1]),
            img_shape=size,
            ori_shape=size,
            gt_seg_map=scene.semantic.astype(np.uint8 if narrow else np.int32),
            seg_fields=["gt_seg_map"],
        )
