"""MMSegmentation's protocols: a decode head and a segmentor.

The way of one image: the host's backbone gives features, ``MaskFormerHead.forward``
turns them into predictions, ``loss`` compares those with the label maps, ``predict``
and ``predict_labels`` turn them into scores or labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor

from mmseg_maskformer.checkpoints.loading import convert_on_load, register_schemes
from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.inference import semantic_labels, semantic_scores
from mmseg_maskformer.core.structures import Predictions, semantic_targets

from .build import build_maskformer, build_part

_STRIDE = 4  # of the finest feature map
register_schemes()


class MaskFormerHead(BaseModule):
    """MaskFormer as an MMSegmentation decode head (arXiv 2107.06278).

    Args:
        in_channels: widths of the backbone's maps at strides 4 to 32.
        num_classes: K, two or more without "no object"; the only place that says it.
        pixel_decoder: config of the pixel decoder, without ``in_channels``.
        transformer_decoder: config of the decoder, without ``memory_channels``.
        criterion: config of the criterion.
        ignore_index: label of void pixels. 255 is void beside it.
        ignore_void: leave void and padded pixels out of matching and mask losses. By
            default they are background of every segment, as in the paper's code.
        mask_padding: hide padded pixels from attention, as OpenMMLab's MaskFormer does;
            the paper's authors do not.
        init_cfg: as in every host module.

    Raises:
        ValueError: An argument is impossible; the sentence says which.
    """

    align_corners = False

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int,
        pixel_decoder: dict | None = None,
        transformer_decoder: dict | None = None,
        criterion: dict | None = None,
        ignore_index: int = 255,
        ignore_void: bool = False,
        mask_padding: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        _check_labels(num_classes, ignore_index)
        self.in_channels = list(in_channels)
        self.num_classes = num_classes
        self.out_channels = num_classes
        self.ignore_index = ignore_index
        self.ignore_void = ignore_void
        self.mask_padding = mask_padding
        self.maskformer = build_maskformer(
            in_channels=in_channels,
            num_classes=num_classes,
            pixel_decoder=pixel_decoder or dict(type="FPNPixelDecoder"),
            transformer_decoder=transformer_decoder or dict(type="TransformerDecoder"),
        )
        self.criterion: SetCriterion = build_part(
            criterion or dict(type="SetCriterion")
        )

    def forward(
        self,
        inputs: Sequence[Tensor],
        batch_img_metas: list[dict] | None = None,
        size: tuple[int, int] | None = None,
    ) -> Predictions:
        """Predict from backbone maps.

        Args:
            inputs: maps (B, C_i, h_i, w_i), fine to coarse.
            batch_img_metas: needed by ``mask_padding`` only.
            size: height and width of the network's input; guessed from the metas
                where the caller does not know.
        """
        widths = [x.shape[1] for x in inputs]
        if widths != self.in_channels:
            raise ValueError(
                f"The backbone gives maps of widths {widths}, but decode_head."
                f"in_channels={self.in_channels}; set it to the former."
            )
        padding_mask = None
        if self.mask_padding and batch_img_metas is not None:
            size = size or _input_size(batch_img_metas[0], inputs[0].shape[-2:])
            padding_mask = _padding_mask(batch_img_metas, size, inputs[-1])
        return self.maskformer(inputs, padding_mask)

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
        size = _input_size(batch_img_metas[0], inputs[0].shape[-2:])
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
            _unflipped(
                semantic_labels(*image, size, _crop(meta, size), meta["ori_shape"][:2]),
                meta,
            )
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
        self._register_load_state_dict_pre_hook(convert_on_load, with_module=True)
        void = getattr(self.data_preprocessor, "seg_pad_val", None)
        if void is not None and not self.decode_head.is_void(void):
            raise ValueError(
                f"data_preprocessor.seg_pad_val={void} is a class of decode_head."
                f"num_classes={self.num_classes}; set it, and pad_val of a Pad "
                f"transform, to ignore_index={self.decode_head.ignore_index}."
            )

    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Backbone maps of (B, 3, H, W), fine to coarse."""
        if inputs.device.type == "cpu":  # a tenth off a training step there
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return super().extract_feat(inputs)

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


def _input_size(meta: dict, grid: Sequence[int]) -> tuple[int, int]:
    """Size of the network's input; features know it only up to the stride.

    Slide mode puts the window's size into ``img_shape`` and leaves the rest as it was.
    """
    shapes = [meta.get("pad_shape"), meta.get("img_shape")]
    if isinstance(shapes[1], torch.Size):
        shapes.reverse()
    known = [tuple(shape[:2]) for shape in shapes if shape is not None]
    for shape in known:
        if _fits(shape, grid):
            return shape
    if known:
        raise ValueError(
            f"Feature maps of {tuple(grid)} cells do not belong to an input of "
            f"{' or '.join(map(str, known))} pixels (pad_shape, img_shape): the "
            f"backbone's finest map must have stride {_STRIDE}; check its out_indices."
        )
    return grid[0] * _STRIDE, grid[1] * _STRIDE


def _fits(size: Sequence[int], grid: Sequence[int]) -> bool:
    """Whether an input of that size has that stride-4 grid."""
    return [-(-n // _STRIDE) for n in size] == list(grid)


def _label_maps(samples: list[SegDataSample], grid: Sequence[int]) -> Tensor:
    """(B, H, W) labels, each of the size of the network's input."""
    maps = [sample.gt_sem_seg.data for sample in samples]
    for index, (sample, labels) in enumerate(zip(samples, maps, strict=True)):
        if not _fits(labels.shape[-2:], grid) or labels.shape != maps[0].shape:
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


def _padding_mask(metas: list[dict], size: tuple[int, int], coarsest: Tensor) -> Tensor:
    """(B, h, w) booleans on the coarsest grid, True where the input is padding."""
    mask = coarsest.new_ones((len(metas), 1, *size))
    for row, meta in zip(mask, metas, strict=True):
        height, width = meta["img_shape"][:2]
        row[:, :height, :width] = 0
    return F.interpolate(mask, size=coarsest.shape[-2:])[:, 0].bool()


def _crop(meta: dict, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the image within the padded input."""
    padding = meta.get("img_padding_size", meta.get("padding_size", (0, 0, 0, 0)))
    left, right, top, bottom = padding
    return top, size[0] - bottom, left, size[1] - right


def _unflipped(labels: Tensor, meta: dict) -> Tensor:
    if not meta.get("flip"):
        return labels
    return labels.flip(-1 if meta["flip_direction"] == "horizontal" else -2)
