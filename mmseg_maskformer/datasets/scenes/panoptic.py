"""Rendered scenes with their segments, for MMDetection's pipelines."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from mmseg_maskformer.datasets.pipeline_checks import check_built
from mmseg_maskformer.datasets.scenes.rendering import SceneRenderer
from mmseg_maskformer.datasets.scenes.split import SceneSplit


class PanopticScenesDataset(BaseDataset):
    """The scenes of ``ScenesDataset`` with every thing told apart, see docs/scenes.md.

    A sample reaches the pipeline with ``img`` (BGR), ``gt_seg_map`` and ``segments`` as
    ``LoadPanopticMap`` gives them, so ``PackPanopticInputs`` may come first.

    Args:
        num_images: length of the data set.
        seed: of the split; other seeds give other scenes of the same classes.
        scene: arguments of :class:`SceneRenderer`: ``num_things``, ``num_stuff``,
            ``size`` (height, width), ``noise``, ``void_width``.
        kwargs: of the host's ``BaseDataset``, ``pipeline`` above all.

    Raises:
        ValueError: The pipeline would separate image and map.
    """

    GIVES_MAPS = "segments"  # without a transform that loads them

    def __init__(
        self,
        num_images: int,
        seed: int = 0,
        scene: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.split = SceneSplit(num_images, seed, SceneRenderer(**(scene or {})))
        metainfo = self.split.metainfo
        things = self.split.renderer.num_things
        metainfo["palette"] = [tuple(colour) for colour in metainfo["palette"]]
        metainfo["thing_classes"] = metainfo["classes"][:things]
        metainfo["stuff_classes"] = metainfo["classes"][things:]
        super().__init__(metainfo=metainfo, **kwargs)
        check_built(self)

    def load_data_list(self) -> list[dict]:
        """Name the scenes; nothing is drawn yet."""
        return [dict(info, img_id=info["scene_index"]) for info in self.split.infos()]

    def get_data_info(self, idx: int) -> dict:
        """Draw a scene: ``img``, ``gt_seg_map`` (H, W) of numbers, ``segments``."""
        info = super().get_data_info(idx)
        scene, image = self.split.render(info["scene_index"])
        return dict(
            info,
            **image,
            gt_seg_map=scene.segments.astype(np.uint8),  # a dozen segments at most
            seg_fields=["gt_seg_map"],
            segments=[tuple(segment) for segment in scene.info],
        )
