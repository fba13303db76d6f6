"""MMSegmentation's protocols: a decode head and a segmentor.

The way of one image: the host's backbone gives features, ``MaskFormerHead.forward``
turns them into predictions, ``loss`` compares those with the label maps, ``predict``
and ``predict_labels`` turn them into scores or labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor

from mmseg_maskformer.checkpoints.loading import register_schemes, watch_loading
from mmseg_maskformer.core.bands import Frame
from mmseg_maskformer.core.inference import semantic_labels, semantic_scores
from mmseg_maskformer.core.structures import semantic_targets

from .geometry import fits, input_size
from .head import PredictionHead, fast_layout

register_schemes()


class MaskFormerHead(PredictionHead):
    """MaskFormer as an MMSegmentation decode head (arXiv 2107.06278).

    Args:
        in_channels: widths of the backbone's maps at strides 4 to 32.
        num_classes: K, two or more without "no object"; the only place that says it.
        ignore_index: label of void pixels. 255 is void beside it.
        ignore_void: leave void and padded pixels out of matching and mask losses. By
            default they are background of every segment, as in the paper's code.
        kwargs: parts of the model, as in ``PredictionHead``.

    Raises:
        ValueError: An argument is impossible; the sentence says which.
    """

    align_corners = False

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int,
        ignore_index: int = 255,
        ignore_void: bool = False,
        **kwargs: Any,
    ) -> None:
        _check_labels(num_classes, ignore_index)
        super().__init__(in_channels, num_classes, **kwargs)
        self.out_channels = num_classes
        self.ignore_index = ignore_index
        self.ignore_void = ignore_void

    def is_void(self, label: int) -> bool:
        """Whether a label means that a pixel belongs to no class."""
        return label == self.ignore_index or label == 255 >= self.num_classes

    def loss(
        self,
        inputs: Sequence[Tensor],
        batch_data_samples: list[SegDataSample],
        train_cfg: dict | None = None,
    ) -> dict[str, Tensor]:
        """Weighted losses by name.

        Raises:
            ValueError: A label is neither a class nor void, or a label map has not the
                size of its image.
        """
        metas = [sample.metainfo for sample in batch_data_samples]
        labels = _label_maps(batch_data_samples, inputs[0].shape[-2:])
        targets = semantic_targets(
            label_maps=labels,
            num_classes=self.num_classes,
            ignore_index=self.ignore_index,
            ignore_void=self.ignore_void,
            names=[_name(meta, index) for index, meta in enumerate(metas)],
        )
        size = (labels.shape[-2], labels.shape[-1])
        return self.criterion(self(inputs, metas, size), targets)

    def predict(
        self,
        inputs: Sequence[Tensor],
        batch_img_metas: list[dict],
        test_cfg: dict | None = None,
    ) -> Tensor:
        """Semantic scores (B, K, H, W) at the size of the input."""
        size = input_size(batch_img_metas[0], inputs[0].shape[-2:])
        predictions = self(inputs, batch_img_metas, size)
        return semantic_scores(
            predictions.class_logits[-1], predictions.mask_logits(), size
        )

    def predict_labels(
        self,
        inputs: Sequence[Tensor],
        batch_img_metas: list[dict],
        size: tuple[int, int],
    ) -> list[Tensor]:
        """Label maps at the images' original sizes, without K x H x W scores.

        Args:
            inputs: backbone maps.
            batch_img_metas: one dictionary per image.
            size: height and width of the input, padding included.
        """
        predictions = self(inputs, batch_img_metas, size)
        logits = zip(
            predictions.class_logits[-1], predictions.mask_logits(), strict=True
        )
        return [
            _unflipped(semantic_labels(*image, _frame(meta, size)), meta)
            for image, meta in zip(logits, batch_img_metas, strict=True)
        ]


class MaskFormerSegmentor(EncoderDecoder):
    """An encoder-decoder whose whole-image prediction works in tiles.

    K x H x W scores are made only if ``test_cfg`` says ``seg_logits=True``, or in slide
    mode. Checkpoints of the authors, of OpenMMLab and of Hugging Face load as they are.
    Arguments are those of the host's ``EncoderDecoder``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(self.decode_head, MaskFormerHead):
            raise ValueError(
                "MaskFormerSegmentor needs decode_head.type='mmseg_maskformer."
                f"MaskFormerHead', got {type(self.decode_head).__name__}; use "
                "EncoderDecoder for other heads."
            )
        watch_loading(self)
        void = getattr(self.data_preprocessor, "seg_pad_val", None)
        if void is not None and not self.decode_head.is_void(void):
            raise ValueError(
                f"data_preprocessor.seg_pad_val={void} is a class of decode_head."
                f"num_classes={self.num_classes}; set it, and pad_val of a Pad "
                f"transform, to ignore_index={self.decode_head.ignore_index}."
            )

    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Backbone maps of (B, 3, H, W), fine to coarse."""
        return super().extract_feat(fast_layout(inputs))

    def predict(
        self, inputs: Tensor, data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Label maps, as ``pred_sem_seg``, at the images' original sizes."""
        config = self.test_cfg or {}
        if config.get("mode", "whole") != "whole" or config.get("seg_logits", False):
            return super().predict(inputs, data_samples)
        size = tuple(inputs.shape[-2:])
        if data_samples is None:
            meta = dict(ori_shape=size, img_shape=size)
            data_samples = [SegDataSample(metainfo=meta) for _ in inputs]
        metas = [sample.metainfo for sample in data_samples]
        labels = self.decode_head.predict_labels(self.extract_feat(inputs), metas, size)
        for sample, label_map in zip(data_samples, labels, strict=True):
            sample.pred_sem_seg = PixelData(data=label_map[None])
        return data_samples


def _name(meta: dict, index: int) -> str:
    return meta.get("img_path") or f"image {index} of the batch"


def _label_maps(samples: list[SegDataSample], grid: Sequence[int]) -> Tensor:
    """(B, H, W) labels, each of the size of the network's input."""
    maps = [sample.gt_sem_seg.data for sample in samples]
    for index, (sample, labels) in enumerate(zip(samples, maps, strict=True)):
        if not fits(labels.shape[-2:], grid) or labels.shape != maps[0].shape:
            raise ValueError(
                f"The label map of {_name(sample.metainfo, index)} has "
                f"{tuple(labels.shape[-2:])} pixels, which is not the size of the "
                "network's input. Give images and labels of a batch one size: size or "
                "size_divisor of data_preprocessor, or RandomCrop and Pad in the "
                "pipeline."
            )
    return torch.cat(maps)


def _check_labels(num_classes: int, ignore_index: int) -> None:
    if num_classes == 1:
        raise ValueError(
            "num_classes=1 leaves nothing to choose from at a pixel; use 2 classes, "
            "background and foreground."
        )
    if 0 <= ignore_index < num_classes:
        raise ValueError(
            f"ignore_index={ignore_index} is one of the num_classes={num_classes} "
            "classes; set it to a label that is none, for example 65535, and the same "
            "in the data set, the metric, seg_pad_val of the data_preprocessor and "
            "pad_val of a Pad transform."
        )


def _frame(meta: dict, size: tuple[int, int]) -> Frame:
    """Where the image lies within the padded input."""
    padding = meta.get("img_padding_size", meta.get("padding_size", (0, 0, 0, 0)))
    left, right, top, bottom = padding
    crop = (top, size[0] - bottom, left, size[1] - right)
    return Frame(size, crop, tuple(meta["ori_shape"][:2]))


def _unflipped(labels: Tensor, meta: dict) -> Tensor:
    if not meta.get("flip"):
        return labels
    return labels.flip(-1 if meta["flip_direction"] == "horizontal" else -2)
