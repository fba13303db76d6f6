"""Rendered scenes as an MMSegmentation data set that needs no files."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset

from mmseg_maskformer.datasets.pipeline_checks import check_built
from mmseg_maskformer.datasets.scenes.rendering import SceneRenderer
from mmseg_maskformer.datasets.scenes.split import SceneSplit
from mmseg_maskformer.datasets.transforms.label_maps import classes_in


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

    Raises:
        ValueError: The pipeline would separate image and label map.
    """

    GIVES_MAPS = "labels"  # without a transform that loads them

    def __init__(
        self,
        num_images: int,
        seed: int = 0,
        scene: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        renderer = SceneRenderer(**(scene or {}))
        self.split = SceneSplit(num_images, seed, renderer)
        super().__init__(
            metainfo=self.split.metainfo, ignore_index=renderer.void_label, **kwargs
        )
        check_built(self)

    def load_data_list(self) -> list[dict]:
        """Name the scenes; nothing is drawn yet."""
        host = dict(reduce_zero_label=False, label_map=None)
        return [dict(info, **host) for info in self.split.infos()]

    def get_data_info(self, idx: int) -> dict:
        """Draw a scene: ``img`` (H, W, 3) uint8 BGR and ``gt_seg_map`` (H, W)."""
        info = super().get_data_info(idx)
        scene, image = self.split.render(info["scene_index"])
        narrow = self.ignore_index <= np.iinfo(np.uint8).max
        labels = scene.semantic.astype(np.uint8 if narrow else np.uint16)
        return dict(info, **image, gt_seg_map=labels, seg_fields=["gt_seg_map"])

    def get_cat_ids(self, idx: int) -> list[int]:
        """Classes in a scene, as ``ClassBalancedDataset`` asks."""
        labels = self.get_data_info(idx)["gt_seg_map"]
        return classes_in(labels, len(self.metainfo["classes"]))
