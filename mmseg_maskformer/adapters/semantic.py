"""MMSegmentation's protocol of a decode head.

The way of one image: the host's backbone gives features, ``MaskFormerHead.forward``
turns them into predictions, ``loss`` compares those with the label maps, ``predict``
turns them into scores; ``image_logits`` and ``labels`` make label maps without those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.structures import SegDataSample
from torch import Tensor

from mmseg_maskformer.checkpoints.fit import check_weights, watch_part
from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.core.inference import (
    general_labels,
    iterative_labels,
    semantic_labels,
    semantic_scores,
)
from mmseg_maskformer.core.structures import ImageLogits, map_size
from mmseg_maskformer.core.targets import (
    require_one_channel,
    semantic_targets,
    with_file,
)
from mmseg_maskformer.core.tiling import Placement

from .geometry import fits, input_size, stride_needed, unflipped
from .head import PredictionHead
from .options import PredictionOptions


class MaskFormerHead(PredictionHead):
    """MaskFormer as an MMSegmentation decode head (arXiv 2107.06278).

    Args:
        in_channels: widths of the backbone's maps, fine to coarse.
        num_classes: K, two or more without "no object"; the only place that says it.
        ignore_index: label of void pixels. Of up to 255 classes 255 is void beside it.
        kwargs: parts of the model, as in ``PredictionHead``.

    Raises:
        ValueError: An argument is impossible; the sentence says which.
    """

    align_corners = False

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int,
        ignore_index: int = VOID,
        **kwargs: Any,
    ) -> None:
        _check_labels(num_classes, ignore_index)
        super().__init__(in_channels, num_classes, **kwargs)
        self.out_channels = num_classes
        self.ignore_index = ignore_index
        watch_part(self)

    def is_void(self, label: int) -> bool:
        """Whether a label means that a pixel belongs to no class."""
        return label == self.ignore_index or label == VOID >= self.num_classes

    def loss(
        self,
        inputs: Sequence[Tensor],
        batch_data_samples: list[SegDataSample],
        train_cfg: dict | None = None,
    ) -> dict[str, Tensor]:
        """Weighted losses () by name.

        Args:
            inputs: backbone maps (B, C_i, h_i, w_i), fine to coarse.
            batch_data_samples: with ``gt_sem_seg`` (1, H, W) of the input's size.
            train_cfg: not used; the host gives it.

        Raises:
            ValueError: A label is neither a class nor void, or a label map is missing
                or has not the size of its image.
        """
        check_weights(self)
        self.check_widths(inputs)
        metas = [sample.metainfo for sample in batch_data_samples]
        grid, stride = inputs[0].shape[-2:], self.network.mask_stride
        labels = _label_maps(batch_data_samples, grid, stride)
        predictions = self(inputs, metas, map_size(labels))
        # afterwards: what waits for the GPU here does so while the network runs
        targets = semantic_targets(
            label_maps=labels,
            num_classes=self.num_classes,
            ignore_index=self.ignore_index,
            ignore_void=self.ignore_void,
            names=[_name(meta, index) for index, meta in enumerate(metas)],
        )
        return self.criterion(predictions, targets)

    def predict(
        self,
        inputs: Sequence[Tensor],
        batch_img_metas: list[dict],
        test_cfg: dict | None = None,
    ) -> Tensor:
        """Semantic scores (B, K, H, W) at the size of the input."""
        check_weights(self)
        grid, stride = inputs[0].shape[-2:], self.network.mask_stride
        size = input_size(batch_img_metas[0], grid, stride)
        layer = (test_cfg or {}).get("layer", -1)
        output = self.predict_layer(inputs, batch_img_metas, size, layer)
        scores = semantic_scores(*output, self.upsampled_size(size))
        return scores[..., : size[0], : size[1]]

    def upsampled_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """What masks of an input of that size are resized to, before they are cut.

        The size itself; of a per-pixel model, as in the paper's code, that of its grid
        times the stride.
        """
        if not self.network.per_pixel:
            return size
        stride = self.network.mask_stride
        height, width = (-(-length // stride) * stride for length in size)
        return height, width

    def image_logits(
        self,
        inputs: Sequence[Tensor],
        batch_img_metas: list[dict],
        size: tuple[int, int],
        layer: int = -1,
    ) -> list[ImageLogits]:
        """What :meth:`labels` makes label maps of.

        Args:
            inputs: backbone maps.
            batch_img_metas: one dictionary per image.
            size: height and width of the input, padding included.
            layer: the decoder layer that predicts; -1 is the last.
        """
        images = self.predict_layer(inputs, batch_img_metas, size, layer).images()
        large = self.upsampled_size(size)
        return [
            ImageLogits(*image, image_placement(meta, size)._replace(size=large))
            for image, meta in zip(images, batch_img_metas, strict=True)
        ]

    def labels(
        self, logits: ImageLogits, meta: dict, options: PredictionOptions
    ) -> Tensor:
        """The label map (H, W) of one image by the rule of the options.

        At the image's original size, a tile of K x H x W scores at a time.
        """
        class_logits, mask_logits, placement = logits
        if class_logits is None or options.semantic_rule == "semantic":
            found = semantic_labels(class_logits, mask_logits, placement)
        else:
            image = (class_logits, mask_logits, placement, self.ignore_index)
            if options.semantic_rule == "general":
                found = general_labels(*image, options.object_mask_thr)
            else:
                found = iterative_labels(*image, options.iou_thr)
        return unflipped(found, meta)


def _name(meta: dict, index: int) -> str:
    name = meta.get("img_path") or f"image {index} of the batch"
    return with_file(name, meta.get("seg_map_path"))


def _label_maps(
    samples: list[SegDataSample], grid: Sequence[int], stride: int
) -> Tensor:
    """(B, H, W) labels, each of the size of the network's input."""
    for index, sample in enumerate(samples):
        if "gt_sem_seg" not in sample:
            raise ValueError(
                f"{_name(sample.metainfo, index)} has no label map. Set "
                "data_prefix.seg_map_path of the data set, and load it in the pipeline "
                "with mmseg_maskformer.LoadLabelMap."
            )
        require_one_channel(sample.gt_sem_seg.data, _name(sample.metainfo, index))
    maps = [sample.gt_sem_seg.data for sample in samples]
    for index, (sample, labels) in enumerate(zip(samples, maps, strict=True)):
        if not fits(labels.shape[-2:], grid, stride) or labels.shape != maps[0].shape:
            name, size = _name(sample.metainfo, index), tuple(labels.shape[-2:])
            raise ValueError(_misfit(name, size, tuple(grid), stride))
    return torch.cat(maps)


def _misfit(
    name: str, size: tuple[int, ...], grid: tuple[int, ...], stride: int
) -> str:
    """Why a label map and the finest map of the backbone do not fit each other."""
    coarsest = max(8, stride)  # beyond it no mistake about sizes is likelier
    if all(n > coarsest * m for n, m in zip(size, grid, strict=True)):
        return (
            f"The backbone's finest map, {grid}, is too coarse for the {size} pixels "
            f"of {name}: {stride_needed(stride)}, or give labels the size of their "
            "image."
        )
    return (
        f"The label map of {name} has {size} pixels, which is not the size of the "
        "network's input. Give images and labels of a batch one size: size or "
        "size_divisor of data_preprocessor, or RandomCrop and Pad in the pipeline. The "
        f"backbone's finest map, here {grid}, must have stride {stride}: check its "
        "out_indices, or set decode_head.network.mask_stride."
    )


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


def image_placement(meta: dict, size: tuple[int, int]) -> Placement:
    """Where the image lies within the padded input."""
    padding = meta.get("img_padding_size", meta.get("padding_size", (0, 0, 0, 0)))
    left, right, top, bottom = padding
    crop = (top, size[0] - bottom, left, size[1] - right)
    return Placement(size, crop, tuple(meta["ori_shape"][:2]))
