"""PerPixelBaseline+ of this package, as it trains and with the usual dense loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from torch import Tensor, nn

from benchmark_lib import our_side
from benchmark_lib.inputs import Settings
from benchmark_lib.measure import Variant
from mmseg_maskformer.core.structures import PixelPredictions
from mmseg_maskformer.core.targets import SegmentTargets

NAME = "PerPixelBaseline+"
_NETWORK = dict(
    type="PerPixelBaseline",
    pixel_decoder=dict(type="FPNPixelDecoder"),
    transformer_decoder=dict(type="TransformerDecoder", num_queries=None),
)
_CRITERION = dict(type="PixelCriterion")


class DenseCrossEntropy(nn.Module):
    """Logits of all classes at full size, then cross-entropy: what heads usually do."""

    def forward(
        self, predictions: PixelPredictions, targets: Sequence[SegmentTargets]
    ) -> dict[str, Tensor]:
        """One loss per layer."""
        labels = torch.stack([target.class_map() for target in targets])
        size = (labels.shape[-2], labels.shape[-1])
        return {
            f"d{layer}.loss_ce": F.cross_entropy(
                F.interpolate(predictions.class_logits(layer), size, mode="bilinear"),
                labels,
                ignore_index=-1,
            )
            for layer in range(len(predictions.class_embed))
        }


def train_step(settings: Settings) -> Variant:
    """Forward of the whole model, streamed losses, backward."""
    return our_side.model_step(f"{NAME}, ours", settings, _model(settings))


def dense_train_step(settings: Settings) -> Variant:
    """The same model with the dense loss."""
    model = _model(settings)
    model.decode_head.criterion = DenseCrossEntropy()
    return our_side.model_step(f"{NAME}, dense", settings, model)


def _model(settings: Settings) -> BaseModel:
    parts = dict(network=_NETWORK, criterion=_CRITERION)
    return our_side.segmentor(settings, **parts)
