"""MMDetection's protocol: a detector whose results are panoptic, instance and semantic.

The way of one image: the host's backbone gives features, ``PredictionHead.forward``
turns them into predictions, ``loss`` compares those with the segments, ``predict``
turns them into as many kinds of results as ``test_cfg`` asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdet.models.detectors.base import BaseDetector
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from torch import Tensor
from torch.nn import Sequential

from mmseg_maskformer.checkpoints.fit import check_weights
from mmseg_maskformer.checkpoints.loading import register_load_hooks
from mmseg_maskformer.core.conventions import INSTANCE_OFFSET
from mmseg_maskformer.core.score_maps import ResizedMaskScores, ScoreMap, ScoreWindow
from mmseg_maskformer.core.structures import ImageLogits, Predictions, map_size
from mmseg_maskformer.core.tiling import Placement

from .batches import size_by_size
from .config_keys import detector_head, refuse_unknown
from .frozen import freeze, keep_frozen
from .geometry import fits, stride_needed, unflipped_map
from .head import PredictionHead, backbone_maps
from .images import check_settings, watch_images
from .panoptic_options import PanopticOptions
from .panoptic_results import instance_result, panoptic_result
from .segment_targets import segment_targets
from .semantic_results import add_semantic


class MaskFormerDetector(BaseDetector):
    """MaskFormer with segments as targets (arXiv 2107.06278).

    Targets are what ``PackPanopticInputs`` packs, or the instances and the semantic map
    of the host's own pipelines. Classes 0..num_things_classes-1 are things, the
    following ``num_stuff_classes`` are stuff. The head is called ``decode_head`` as in
    MMSegmentation: weights of a semantic model load here and the other way round.

    Args:
        backbone: config of a backbone with maps at strides 4 to 32, if need be with
            the neck.
        decode_head: config of network and criterion, as in ``PredictionHead`` but for
            ``num_classes``, which the following two say; None and their sum are
            allowed, so that the head of a semantic model fits.
        num_things_classes: classes whose objects are told apart.
        num_stuff_classes: the other classes; 0 for instance segmentation.
        test_cfg: which results to make, and how; ``PanopticOptions`` says what it may
            hold.
        data_preprocessor: config of the host's ``DetDataPreprocessor``.
        neck: config of what comes between backbone and head, None for nothing.
        frozen: names of parts that are not trained, as in ``MaskFormerSegmentor``.
        init_cfg: as in every host module.
        unknown: nothing; keys that moved into ``decode_head`` are named in the error.

    Raises:
        ValueError: ``test_cfg`` has a key or a value that is not in the list, there are
            too many classes for the host's encoding, the backbone takes other channels
            than are normalised, or ``frozen`` names no part or leaves nothing to train.
    """

    frozen: Sequence[str] = ()

    def __init__(
        self,
        backbone: dict,
        decode_head: dict | None = None,
        *,
        num_things_classes: int,
        num_stuff_classes: int,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        neck: dict | None = None,
        frozen: Sequence[str] = (),
        init_cfg: dict | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(unknown, "model")
        check_settings(data_preprocessor, remedy="mmseg_maskformer.DetPreprocessor")
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.num_things_classes = num_things_classes
        self.num_stuff_classes = num_stuff_classes
        self.test_cfg = dict(test_cfg or {})
        panoptic = self.prediction_options().panoptic_on
        if self.num_classes >= INSTANCE_OFFSET and panoptic:
            raise ValueError(
                f"{self.num_classes} classes do not fit into MMDetection's encoding, "
                f"class + {INSTANCE_OFFSET} * object; set test_cfg.panoptic_on=False."
            )
        head = detector_head(decode_head, self.num_classes)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck) if neck else None
        self.decode_head = PredictionHead(num_classes=self.num_classes, **head)
        if self.decode_head.network.per_pixel:
            raise ValueError(
                "MaskFormerDetector needs masks of segments, and network.type="
                f"{head['network']['type']!r} predicts none; set it to 'MaskFormer', "
                "or use MaskFormerSegmentor."
            )
        register_load_hooks(self)
        watch_images(self)
        self.frozen = freeze(self, frozen)

    def train(self, mode: bool = True) -> MaskFormerDetector:
        """The host's, but frozen parts stay in evaluation."""
        super().train(mode)
        keep_frozen(self, self.frozen)
        return self

    @property
    def num_classes(self) -> int:
        """K, things and stuff."""
        return self.num_things_classes + self.num_stuff_classes

    def prediction_options(self, **changes: Any) -> PanopticOptions:
        """What ``test_cfg`` says now, with these changes.

        Raises:
            ValueError: It says what is impossible.
        """
        return PanopticOptions.read(dict(self.test_cfg or {}, **changes))

    def extract_feat(self, batch_inputs: Tensor) -> Sequence[Tensor]:
        """Backbone maps of (B, C, H, W), fine to coarse."""
        check_weights(self)
        extract, widths = self.backbone, self.decode_head.in_channels
        if self.neck is not None:
            extract = Sequential(self.backbone, self.neck)
        return backbone_maps(extract, batch_inputs, self.backbone, widths)

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: list[DetDataSample]
    ) -> dict[str, Tensor]:
        """Weighted losses () by name.

        Args:
            batch_inputs: (B, C, H, W).
            batch_data_samples: one per image, with ``gt_segment_map`` (1, H, W) and
                ``gt_segments``, or the host's ``gt_instances`` and ``gt_sem_seg``.

        Raises:
            ValueError: A label is no class of the model, there is no target of a kind
                that the model needs, or the finest map has another stride.
        """
        size = map_size(batch_inputs)
        numbers = (self.num_things_classes, self.num_stuff_classes)
        features = self.extract_feat(batch_inputs)
        grid, stride = map_size(features[0]), self.decode_head.network.mask_stride
        if not fits(size, grid, stride):
            raise ValueError(
                f"The backbone's finest map, {grid}, does not fit an input of {size} "
                f"pixels: {stride_needed(stride)}."
            )
        metas = [sample.metainfo for sample in batch_data_samples]
        predictions = self.decode_head(features, metas, size)
        # afterwards: what waits for the GPU here does so while the network runs
        targets = segment_targets(
            batch_data_samples, size, *numbers, self.decode_head.ignore_void
        )
        return self.decode_head.criterion(predictions, targets)

    def test_step(self, data: dict) -> list[DetDataSample]:
        """Predict a batch of a loader, whose images may differ in size."""
        return size_by_size(super().test_step, data)

    def val_step(self, data: dict) -> list[DetDataSample]:
        """The same in the evaluation that comes with a training."""
        return size_by_size(super().val_step, data)

    def predict(
        self,
        batch_inputs: Tensor,
        batch_data_samples: list[DetDataSample] | None = None,
        rescale: bool = True,
    ) -> list[DetDataSample]:
        """Add the results to the samples, or to new ones of the size of the input.

        ``pred_panoptic_seg.sem_seg`` (1, H, W) holds class + 1000 * object, stuff is
        object 0, void is class K; ``pred_instances`` has boxes, labels, scores and
        masks; ``pred_sem_seg.sem_seg`` (1, H, W) holds classes, with
        ``test_cfg.uncertainty`` beside ``pred_confidence``, ``pred_entropy`` and
        ``pred_no_object``, (1, H, W) float32.

        Args:
            batch_inputs: (B, C, H, W).
            batch_data_samples: one per image.
            rescale: give results at the images' original sizes.
        """
        options = self.prediction_options()
        size = map_size(batch_inputs)
        if batch_data_samples is None:
            meta = dict(ori_shape=size, img_shape=size)
            batch_data_samples = [DetDataSample(metainfo=meta) for _ in batch_inputs]
        images = self.image_logits(batch_inputs, batch_data_samples, options, rescale)
        for sample, logits in zip(batch_data_samples, images, strict=True):
            self.apply_rules(sample, logits, options)
        return batch_data_samples

    def image_logits(
        self,
        batch_inputs: Tensor,
        batch_data_samples: list[DetDataSample],
        options: PanopticOptions,
        rescale: bool = True,
    ) -> list[ImageLogits]:
        """What the network says of each image, for :meth:`apply_rules`.

        Arguments are those of :meth:`predict`, and the options of ``test_cfg``.

        Returns:
            Of each image class logits (Q, K + 1), mask logits (Q, h, w), and where it
            lies in the input.
        """
        metas = [sample.metainfo for sample in batch_data_samples]
        features, size = self.extract_feat(batch_inputs), map_size(batch_inputs)
        output = self.decode_head.predict_layer(features, metas, size, options.layer)
        wanted = "ori_shape" if rescale else "img_shape"
        return [
            ImageLogits(
                *image, Placement.upper_left(size, meta["img_shape"], meta[wanted])
            )
            for image, meta in zip(output.images(), metas, strict=True)
        ]

    def apply_rules(
        self,
        sample: DetDataSample,
        logits: ImageLogits,
        options: PanopticOptions,
    ) -> None:
        """Add the results that are switched on to one image's sample."""
        image: dict[str, Any] = dict(
            logits._asdict(), num_things=self.num_things_classes, options=options
        )
        if options.panoptic_on:
            found = panoptic_result(**image, num_classes=self.num_classes)
            sample.pred_panoptic_seg = found
        if options.instance_on:
            sample.pred_instances = instance_result(**image)
        if options.semantic_on:
            self.add_result(sample, _scores(logits, options), options)

    def score_maps(
        self,
        batch_inputs: Tensor,
        batch_data_samples: list[DetDataSample],
        options: PanopticOptions,
    ) -> list[ScoreMap]:
        """Semantic scores of each image at its original size, for averaging.

        Args:
            batch_inputs: (B, C, H, W).
            batch_data_samples: one per image.
            options: of ``test_cfg``.

        Returns:
            Of each image scores (K, H, W), made a tile of rows at a time; with
            ``options.uncertainty`` that of "no object" comes last, (K + 1, H, W).
        """
        images = self.image_logits(batch_inputs, batch_data_samples, options)
        return [
            unflipped_map(_scores(logits, options), sample.metainfo)
            for logits, sample in zip(images, batch_data_samples, strict=True)
        ]

    def add_result(
        self,
        sample: DetDataSample,
        scores: ScoreMap,
        options: PanopticOptions,
    ) -> None:
        """Put the labels of a score map, and their uncertainty, into a sample."""
        add_semantic(sample, scores, "sem_seg", options.uncertainty)

    def _forward(
        self,
        batch_inputs: Tensor,
        batch_data_samples: list[DetDataSample] | None = None,
    ) -> Predictions:
        """Predictions of every layer."""
        metas = batch_data_samples and [x.metainfo for x in batch_data_samples]
        size = map_size(batch_inputs)
        return self.decode_head(self.extract_feat(batch_inputs), metas or None, size)


def _scores(logits: ImageLogits, options: PanopticOptions) -> ScoreMap:
    """Semantic scores of one image, as it lies in the input."""
    class_logits, mask_logits, placement = logits
    window = ScoreWindow.of(class_logits, mask_logits, placement.size)
    return ResizedMaskScores(window, placement, no_object=options.uncertainty)
