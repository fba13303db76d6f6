"""The part of a model behind its backbone, the same in every host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg_maskformer.core.argument_checks import check_flags, check_parts, check_widths
from mmseg_maskformer.core.messages import image_name
from mmseg_maskformer.core.protocols import Criterion
from mmseg_maskformer.core.structures import (
    LayerOutput,
    PixelPredictions,
    Predictions,
)

from .build import build_network, build_part
from .config_keys import refuse_unknown
from .geometry import input_size, valid_part
from .host import prepare_host

_NETWORK = dict(
    type="MaskFormer",
    pixel_decoder=dict(type="FPNPixelDecoder"),
    transformer_decoder=dict(type="TransformerDecoder"),
)
_CRITERION = dict(type="SetCriterion")


class PredictionHead(BaseModule):
    """Network and criterion from their configs.

    Args:
        in_channels: widths of the backbone's maps, fine to coarse.
        num_classes: K, without "no object".
        network: config of the network, as in ``build_network``.
        criterion: config of the criterion: ``SetCriterion`` of a network with queries,
            ``PixelCriterion`` of one that classifies pixels.
        mask_padding: hide padded pixels from attention, as OpenMMLab's MaskFormer does;
            the paper's authors do not.
        ignore_void: leave void and padded pixels out of matching and mask losses. By
            default they are background of every segment, as in the paper's code.
        init_cfg: as in every host module.
        unknown: nothing; keys that moved below ``network`` are named in the error.

    Raises:
        TypeError: A key is unknown.
        ValueError: A key stands in another place than it did, or the criterion cannot
            train the network.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int,
        network: dict = _NETWORK,
        criterion: dict = _CRITERION,
        mask_padding: bool = False,
        ignore_void: bool = False,
        init_cfg: dict | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(unknown, "decode_head")
        check_widths("decode_head.in_channels", in_channels)
        check_flags(mask_padding=mask_padding, ignore_void=ignore_void)
        prepare_host()
        super().__init__(init_cfg)
        self.in_channels = list(in_channels)
        self.num_classes = num_classes
        self.mask_padding = mask_padding
        self.ignore_void = ignore_void
        self.criterion = build_part(criterion)
        check_parts("decode_head", Criterion, criterion=self.criterion)
        self.criterion.check_classes(num_classes)
        self.network = build_network(network, in_channels, num_classes)
        self.criterion.check_network(self.network, num_classes)

    def forward(
        self,
        inputs: Sequence[Tensor],
        batch_img_metas: list[dict] | None = None,
        size: tuple[int, int] | None = None,
    ) -> Predictions | PixelPredictions:
        """Predict from backbone maps.

        Args:
            inputs: maps (B, C_i, h_i, w_i), fine to coarse.
            batch_img_metas: needed by ``mask_padding`` only.
            size: height and width of the network's input; guessed from the metas
                where the caller does not know.

        Raises:
            ValueError: The maps have other widths than ``in_channels``.
        """
        self.check_widths(inputs)
        valid = None
        if self.mask_padding and batch_img_metas is not None:
            grid, stride = inputs[0].shape[-2:], self.network.mask_stride
            size = size or input_size(batch_img_metas[0], grid, stride)
            valid = valid_part(batch_img_metas, size, inputs[0].device)
        return self.network(inputs, valid)

    def check_widths(self, inputs: Sequence[Tensor]) -> None:
        """Compare the backbone's maps with ``in_channels``.

        Raises:
            ValueError: They have other widths, or channels last.
        """
        widths = [x.shape[1] for x in inputs]
        if widths == self.in_channels:
            return
        if [x.shape[-1] for x in inputs] == self.in_channels:
            raise ValueError(
                f"The backbone gives maps (B, h, w, C), widths {self.in_channels} "
                "last; set model.type to mmseg_maskformer.MaskFormerSegmentor, which "
                "puts them first."
            )
        raise ValueError(
            f"The backbone gives maps of widths {widths}, but the head has "
            f"in_channels={self.in_channels}; set it to the former."
        )

    def predict_layer(
        self,
        inputs: Sequence[Tensor],
        batch_img_metas: list[dict] | None,
        size: tuple[int, int],
        layer: int = -1,
    ) -> LayerOutput:
        """The prediction of one layer for a batch.

        Args:
            inputs: maps (B, C_i, h_i, w_i), fine to coarse.
            batch_img_metas: needed by ``mask_padding`` only.
            size: height and width of the network's input.
            layer: 0..L-1 from the first supervised, or -1..-L from the last.

        Returns:
            Class logits (B, Q, K + 1) and mask logits (B, Q, h, w); of a per-pixel
            model None and class logits (B, K, h, w).

        Raises:
            ValueError: There is no such layer.
            NanPredictionError: A logit is NaN.
        """
        predictions = self(inputs, batch_img_metas, size)
        layers = len(predictions[0])
        if not -layers <= layer < layers:
            raise ValueError(
                f"test_cfg.layer={layer} is none of the model's {layers} layers; set "
                f"it between 0 and {layers - 1}, or to -1 for the last."
            )
        output = predictions.layer(layer)
        _refuse_nan(output, batch_img_metas)
        return output


class NanPredictionError(ValueError):
    """A model predicts NaN for an image."""


def _refuse_nan(output: LayerOutput, metas: list[dict] | None) -> None:
    """Name the first image that has a NaN, which every rule would make class 0."""
    parts = [output.mask_logits, output.class_logits]
    largest = [x.flatten(1).amax(dim=1) for x in parts if x is not None]
    wrong = torch.stack(largest).isnan().any(dim=0).tolist()
    if any(wrong):
        index = wrong.index(True)
        raise NanPredictionError(
            f"The model predicts NaN for {image_name(metas[index] if metas else {})}. "
            "In float16 the network may have overflowed: use bfloat16 or float32. Else "
            "look at the weights, and at the image's values."
        )


def backbone_maps(
    extract: Callable[[Tensor], Sequence[Tensor]],
    images: Tensor,
    backbone: nn.Module,
    widths: Sequence[int],
) -> list[Tensor]:
    """Maps (B, C_i, h_i, w_i) of images (B, C, H, W) in any precision.

    Images take the precision of the weights, which ``half()`` or ``bfloat16()`` may
    have lowered; what a backbone adds in float32 (Swin its masks) is then cast. On the
    CPU they go channels last, a tenth off a training step, but where batch norm trains
    in float32: PyTorch then adds up its pixels one by one, and the maps lose three
    digits.

    Args:
        extract: backbone, and neck if any.
        images: as the preprocessor gives them.
        backbone: whose weights are looked at.
        widths: C_i.
    """
    device = images.device.type
    weight = next((x for x in backbone.parameters() if x.is_floating_point()), images)
    images = images.to(weight.dtype)
    low = weight.dtype in (torch.float16, torch.bfloat16)
    if device == "cpu" and (low or not _sums_in_float32(backbone)):
        images = images.contiguous(memory_format=torch.channels_last)
    if not low:
        return channels_first(extract(images), widths)
    with torch.autocast(device, dtype=weight.dtype):
        maps = channels_first(extract(images), widths)
    return [x.to(weight.dtype) for x in maps]


def _sums_in_float32(backbone: nn.Module) -> bool:
    """Whether batch norm trains, outside autocast."""
    norms = (x for x in backbone.modules() if isinstance(x, _BatchNorm))
    return any(x.training for x in norms) and not torch.is_autocast_enabled("cpu")


def channels_first(maps: Sequence[Tensor], widths: Sequence[int]) -> list[Tensor]:
    """Maps (B, C, h, w) of a backbone that may give (B, h, w, C), as timm's Swin.

    Args:
        maps: of all levels, in one layout.
        widths: C of each level.
    """
    pairs = list(zip(maps, widths, strict=False))
    first = all(x.shape[1] == width for x, width in pairs)
    if first or any(x.shape[-1] != width for x, width in pairs):
        return list(maps)  # as it should be, or wrong in another way
    return [x.movedim(-1, 1) for x in maps]
