"""From an image of 0..255 to logits or labels, as one module without host protocols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmseg_maskformer.adapters.images import image_channels
from mmseg_maskformer.checkpoints.huggingface_images import size_divisor
from mmseg_maskformer.core.inference import semantic_scores
from mmseg_maskformer.core.structures import map_size

# sides of the image that stands for all in a graph of free sizes: odd, and no map of
# them has the sides of another
EXAMPLE_SIZE = (235, 363)


class ExportableNetwork(nn.Module):
    """Normalisation, padding, backbone and head of a model, one image at a time.

    Args:
        model: a ``MaskFormerSegmentor`` or ``MaskFormerDetector`` with its weights.
        labels: give the semantic label map of the size of the image, not logits.

    Raises:
        ValueError: The model is none of this package, classifies pixels, takes images
            of other than three channels, or predicts otherwise than from one pass over
            the whole image.
    """

    def __init__(self, model: Any, labels: bool = False) -> None:
        super().__init__()
        if not hasattr(model, "prediction_options"):
            raise ValueError(
                f"{type(model).__name__} is no model of this package, whose network "
                "could be written; if its decode_head is MaskFormerHead, set model.type"
                " to mmseg_maskformer.MaskFormerSegmentor."
            )
        options = model.prediction_options()
        _check(model, options)
        self.model, self.labels = model, labels
        self.layer = options.layer
        preprocessor = model.data_preprocessor
        # upstream MMSegmentation has the second name
        names = ("_channel_conversion", "channel_conversion")
        self.reversed_channels = not any(getattr(preprocessor, x, False) for x in names)
        self.normalised = preprocessor._enable_normalize
        of_mmseg = hasattr(preprocessor, "seg_pad_val")
        rule = "test_cfg" if of_mmseg else "pad_size_divisor"
        value = "pad_val" if of_mmseg else "pad_value"
        self.divisor = size_divisor({rule: getattr(preprocessor, rule)})
        self.pad_value = float(getattr(preprocessor, value))

    @property
    def output_names(self) -> tuple[str, ...]:
        """What ``forward`` returns."""
        return ("labels",) if self.labels else ("class_logits", "mask_logits")

    def forward(self, image: Tensor) -> tuple[Tensor, ...] | Tensor:
        """Predict one image.

        Args:
            image: (1, 3, H, W) float32, 0..255; red, green, blue.

        Returns:
            Class logits (1, Q, K + 1) and mask logits (1, Q, h, w) of the image padded
            to the divisor, or labels (1, H, W) int64.
        """
        size = map_size(image)
        x = self._padded(self._normalised(image))
        valid = self._valid(size, map_size(x)) if self._masks_padding else None
        predictions = self.model.decode_head.network(self.model.extract_feat(x), valid)
        classes, masks = predictions.layer(self.layer)
        if not self.labels:
            return classes, masks
        scores = semantic_scores(classes, masks, map_size(x))
        return scores[..., : size[0], : size[1]].argmax(dim=1)

    def _normalised(self, image: Tensor) -> Tensor:
        if self.reversed_channels:
            image = image.flip(1)
        if not self.normalised:
            return image
        preprocessor = self.model.data_preprocessor
        return (image - preprocessor.mean) / preprocessor.std

    def _padded(self, x: Tensor) -> Tensor:
        if self.divisor == 1:
            return x
        height, width = map_size(x)
        below, right = -height % self.divisor, -width % self.divisor
        return F.pad(x, (0, right, 0, below), value=self.pad_value)

    @property
    def _masks_padding(self) -> bool:
        return self.model.decode_head.mask_padding and self.divisor > 1

    def _valid(self, inside: Sequence[int], size: Sequence[int]) -> Tensor:
        """(1, 2) share of height and width that is image, float64."""
        numbers = [torch.full((), n, dtype=torch.float64) for n in (*inside, *size)]
        height, width, padded_height, padded_width = numbers
        return torch.stack([height / padded_height, width / padded_width])[None]


def _check(model: Any, options: Any) -> None:
    """Refuse what one pass over one image does not give."""
    if model.decode_head.network.per_pixel:
        raise ValueError(
            "network.type='PerPixelBaseline' has no queries, and export writes class "
            "and mask logits of queries; choose a MaskFormer."
        )
    channels = image_channels(model)
    if channels not in (None, 3):
        raise ValueError(
            f"The backbone takes images of {channels} channels, and export writes "
            "models for 3; predict with PyTorch (tools/predict.py), or train with "
            "model.backbone.in_channels=3 (docs/export.md)."
        )
    for name, only in (("mode", "whole"), ("semantic_rule", "semantic")):
        found = getattr(options, name, only)
        if found != only:
            raise ValueError(
                f"test_cfg.{name}={found!r} is not in an exported model; set it to "
                f"{only!r} (--cfg-options model.test_cfg.{name}={only})."
            )
