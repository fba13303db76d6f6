"""MMSegmentation's protocol of a segmentor: from images to label maps of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import ModuleList

from mmseg_maskformer.checkpoints.fit import check_weights
from mmseg_maskformer.checkpoints.loading import register_load_hooks
from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.core.score_maps import (
    ScoreMap,
    ScoreWindow,
    TiledScores,
    WindowSource,
    single_window,
)
from mmseg_maskformer.core.sliding import SlidingWindows
from mmseg_maskformer.core.structures import ImageLogits, LayerOutput, map_size

from .batches import size_by_size
from .frozen import freeze, keep_frozen
from .geometry import check_padding, seen_part, unflipped_map
from .head import backbone_maps
from .images import check_settings, watch_images
from .options import PredictionOptions
from .semantic import MaskFormerHead, image_placement
from .semantic_results import add_semantic


class MaskFormerSegmentor(EncoderDecoder):
    """An encoder-decoder that predicts images of any size in tiles of rows.

    K x H x W scores are made only if ``test_cfg`` says ``seg_logits=True``. Checkpoints
    of the authors, of OpenMMLab and of Hugging Face load as they are.

    Args:
        frozen: names of parts that are not trained: "backbone",
            "decode_head.network.pixel_decoder". They stay in evaluation: no dropout,
            and batch norm keeps its statistics.
        kwargs: of the host's ``EncoderDecoder``; ``PredictionOptions`` says what
            ``test_cfg`` may hold.

    Raises:
        ValueError: The head is another one, ``test_cfg`` does not fit it, padded pixels
            would be a class, the backbone takes other channels than are normalised, or
            ``frozen`` names no part or leaves nothing to train.
    """

    frozen: Sequence[str] = ()

    def __init__(self, frozen: Sequence[str] = (), **kwargs: Any) -> None:
        preprocessor = kwargs.get("data_preprocessor")
        check_settings(preprocessor, remedy="mmseg_maskformer.SegPreprocessor")
        super().__init__(**kwargs)
        if not isinstance(self.decode_head, MaskFormerHead):
            raise ValueError(
                "MaskFormerSegmentor needs decode_head.type='mmseg_maskformer."
                f"MaskFormerHead', got {type(self.decode_head).__name__}; use "
                "EncoderDecoder for other heads."
            )
        register_load_hooks(self)
        watch_images(self)
        # with all keys, for the host reads some of them, too
        self.test_cfg = ConfigDict(asdict(self.prediction_options()))
        self._check_auxiliary()
        check_padding(self.data_preprocessor)
        void = getattr(self.data_preprocessor, "seg_pad_val", None)
        if void is not None and not self.decode_head.is_void(void):
            raise ValueError(
                f"data_preprocessor.seg_pad_val={void} is a class of decode_head."
                f"num_classes={self.num_classes}; set it, and pad_val of a Pad "
                f"transform, to ignore_index={self.decode_head.ignore_index}."
            )
        self.frozen = freeze(self, frozen)

    def train(self, mode: bool = True) -> MaskFormerSegmentor:
        """The host's, but frozen parts stay in evaluation."""
        super().train(mode)
        keep_frozen(self, self.frozen)
        return self

    def _check_auxiliary(self) -> None:
        """Refuse auxiliary heads that know other labels than the decode head."""
        heads = getattr(self, "auxiliary_head", None) or []
        for head in heads if isinstance(heads, ModuleList) else [heads]:
            for key in ("num_classes", "ignore_index"):
                wanted = getattr(self.decode_head, key)
                found = getattr(head, key, wanted)
                if found != wanted:
                    raise ValueError(
                        f"auxiliary_head ({type(head).__name__}) has {key}={found}, "
                        f"but decode_head {wanted}. Write {key}={wanted} in that head."
                    )
        ignored = self.decode_head.ignore_index
        if heads and ignored != VOID and self.decode_head.is_void(VOID):
            raise ValueError(
                f"auxiliary_head knows void as ignore_index={ignored} alone, and labels"
                f" of padding and of dropped classes are {VOID}. Set ignore_index="
                f"{VOID} of both heads, or auxiliary_head=None."
            )

    def prediction_options(self, **changes: Any) -> PredictionOptions:
        """What ``test_cfg`` says now, with these changes.

        Raises:
            ValueError: It says what is impossible.
        """
        options = PredictionOptions.read(dict(self.test_cfg or {}, **changes))
        if options.semantic_rule != "semantic" and self._per_pixel:
            raise ValueError(
                f"test_cfg.semantic_rule={options.semantic_rule!r} chooses among "
                "queries, and a per-pixel model has none; leave it out."
            )
        return options

    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Backbone maps of (B, C, H, W), fine to coarse."""
        check_weights(self)
        extract, widths = super().extract_feat, self.decode_head.in_channels
        return backbone_maps(extract, inputs, self.backbone, widths)

    def test_step(self, data: dict) -> list[SegDataSample]:
        """Predict a batch of a loader, whose images may differ in size."""
        return size_by_size(super().test_step, data)

    def val_step(self, data: dict) -> list[SegDataSample]:
        """The same in the evaluation that comes with a training."""
        return size_by_size(super().val_step, data)

    def predict(
        self, inputs: Tensor, data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Label maps, as ``pred_sem_seg``, at the images' original sizes.

        With ``test_cfg.uncertainty`` also ``pred_confidence``, ``pred_entropy`` and
        ``pred_no_object``, (1, H, W) float32.
        """
        options = self.prediction_options()
        if options.seg_logits:
            return super().predict(inputs, data_samples)
        size = map_size(inputs)
        if data_samples is None:
            meta = dict(ori_shape=size, img_shape=size)
            data_samples = [SegDataSample(metainfo=meta) for _ in inputs]
        if options.mode == "slide" or options.uncertainty:
            scores = self.score_maps(inputs, data_samples, options)
            for sample, image in zip(data_samples, scores, strict=True):
                self.add_result(sample, image, options)
            return data_samples
        images = self.image_logits(inputs, data_samples, options)
        for sample, logits in zip(data_samples, images, strict=True):
            self.apply_rules(sample, logits, options)
        return data_samples

    def image_logits(
        self,
        inputs: Tensor,
        data_samples: list[SegDataSample],
        options: PredictionOptions,
    ) -> list[ImageLogits]:
        """What the network says of each image, for :meth:`apply_rules`.

        Args:
            inputs: (B, C, H, W).
            data_samples: one per image.
            options: of ``test_cfg``.

        Returns:
            Of each image class logits (Q, K + 1), mask logits (Q, h, w), and where it
            lies in the input; of a per-pixel model None and class logits (K, h, w).

        Raises:
            ValueError: ``test_cfg`` has windows predicted, each of which has its own.
        """
        options.refuse_windows()
        metas = [sample.metainfo for sample in data_samples]
        features, size = self.extract_feat(inputs), map_size(inputs)
        return self.decode_head.image_logits(features, metas, size, options.layer)

    def apply_rules(
        self,
        sample: SegDataSample,
        logits: ImageLogits,
        options: PredictionOptions,
    ) -> None:
        """Put the label map of one image into its sample.

        Raises:
            ValueError: ``options`` are of windows.
        """
        options.refuse_windows()
        labels = self.decode_head.labels(logits, sample.metainfo, options)
        sample.pred_sem_seg = PixelData(data=labels[None])

    def score_maps(
        self,
        inputs: Tensor,
        data_samples: list[SegDataSample],
        options: PredictionOptions,
    ) -> list[ScoreMap]:
        """Scores of each image at its original size, made where they are asked for.

        Args:
            inputs: (B, C, H, W).
            data_samples: one per image.
            options: of ``test_cfg``.

        Returns:
            Of each image scores (K, H, W), made a tile of rows at a time; with
            ``options.uncertainty`` that of "no object" comes last, (K + 1, H, W).

        Raises:
            ValueError: The rule of ``test_cfg`` has none.
        """
        if options.semantic_rule != "semantic":
            raise ValueError(
                f"test_cfg.semantic_rule={options.semantic_rule!r} gives labels and no "
                "scores that could be averaged; set it to 'semantic'."
            )
        size, metas = map_size(inputs), [sample.metainfo for sample in data_samples]
        windows: list[WindowSource]
        if options.mode == "slide":
            windows = [
                self._sliding(image, meta, options)
                for image, meta in zip(inputs, metas, strict=True)
            ]
        else:
            large = self.decode_head.upsampled_size(size)
            images = self._predict_layer(inputs, metas, options.layer).images()
            windows = [
                single_window(ScoreWindow.of(*image, size, upsampled_size=large))
                for image in images
            ]
        maps = []
        for source, meta in zip(windows, metas, strict=True):
            placement = image_placement(meta, size)
            scores = TiledScores(placement, source, no_object=options.uncertainty)
            maps.append(unflipped_map(scores, meta))
        return maps

    def add_result(
        self,
        sample: SegDataSample,
        scores: ScoreMap,
        options: PredictionOptions,
    ) -> None:
        """Put the labels of a score map, and their uncertainty, into a sample."""
        add_semantic(sample, scores, "data", options.uncertainty, self._per_pixel)

    @property
    def _per_pixel(self) -> bool:
        """Whether the model classifies pixels and not masks."""
        return self.decode_head.network.per_pixel

    def _predict_layer(
        self, inputs: Tensor, metas: list[dict], layer: int
    ) -> LayerOutput:
        """The prediction of a layer for images (B, C, H, W)."""
        features, size = self.extract_feat(inputs), map_size(inputs)
        return self.decode_head.predict_layer(features, metas, size, layer)

    def _sliding(
        self, image: Tensor, meta: dict, options: PredictionOptions
    ) -> SlidingWindows:
        """Windows of an image (C, H, W) that is padding beyond its ``img_shape``."""
        inside, path = meta.get("img_shape", map_size(image)), meta.get("img_path")

        def predict(
            places: Sequence[tuple[int, int]], size: tuple[int, int]
        ) -> list[ScoreWindow]:
            height, width = size
            parts = [image[:, y : y + height, x : x + width] for y, x in places]
            shapes = [seen_part(inside, place, size) for place in places]
            metas = [dict(img_path=path, img_shape=shape) for shape in shapes]
            output = self._predict_layer(torch.stack(parts), metas, options.layer)
            found = zip(output.images(), places, strict=True)
            large = self.decode_head.upsampled_size(size)
            return [ScoreWindow.of(*part, size, place, large) for part, place in found]

        return SlidingWindows(
            size=map_size(image),
            crop_size=options.crop_size,
            stride=options.stride,
            predict=predict,
        )
