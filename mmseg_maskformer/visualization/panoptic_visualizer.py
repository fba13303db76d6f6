"""MMDetection's visualizer with panoptic maps that tell things from stuff."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmdet.visualization import DetLocalVisualizer, get_palette
from mmengine.structures import PixelData

from .images import picture_of
from .panoptic_drawing import encoded_truth, enlarged, overlay


class PanopticVisualizer(DetLocalVisualizer):
    """Draws panoptic truth and result side by side; the rest is the host's.

    Samples without a panoptic result, as of an instance model, are drawn as the host
    draws them. Small images are enlarged, and pictures named after the image.

    Args:
        name: of the visualizer.
        alpha: how much of the colour of a segment shows.
        kwargs: of the host's ``DetLocalVisualizer``.
    """

    def __init__(
        self, name: str = "visualizer", alpha: float = 0.6, **kwargs: Any
    ) -> None:
        super().__init__(name=name, alpha=alpha, **kwargs)

    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: DetDataSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        **kwargs: Any,
    ) -> None:
        """Draw a sample and show or store the picture, with the host's arguments.

        Images have any number of channels; see :func:`picture_of`. Arrays are nameless.
        """
        image = picture_of(image)
        if data_sample is not None and data_sample.get("img_path"):
            name = f"{name}_{Path(data_sample.img_path).stem}"
        drawn = {"pred_panoptic_seg", "gt_segment_map"}
        if data_sample is None or not drawn & set(data_sample.keys()):
            super().add_datasample(
                name, image, data_sample, draw_gt, draw_pred, **kwargs
            )
            return
        panoptic = DetDataSample()
        draw_pred = draw_pred and "pred_panoptic_seg" in data_sample
        if draw_pred:
            found = torch.as_tensor(data_sample.pred_panoptic_seg.sem_seg)
            panoptic.pred_panoptic_seg = PixelData(sem_seg=found)
        draw_gt = draw_gt and "gt_segment_map" in data_sample
        if draw_gt:
            truth = encoded_truth(data_sample, len(self.dataset_meta["classes"]))
            panoptic.gt_panoptic_seg = PixelData(sem_seg=torch.as_tensor(truth)[None])
        super().add_datasample(name, image, panoptic, draw_gt, draw_pred, **kwargs)

    def _draw_panoptic_seg(
        self,
        image: np.ndarray,
        panoptic_seg: PixelData,
        classes: list[str],
        palette: list[tuple],
    ) -> np.ndarray:
        """What the host calls for each of the two maps."""
        maps = image, np.asarray(panoptic_seg.sem_seg[0])
        if isinstance(palette, list):  # the host may have COCO's classes
            palette = palette + get_palette(None, len(classes))[len(palette) :]
        colours = get_palette(palette, len(classes))
        return overlay(*enlarged(*maps), classes, colours, self.alpha)
