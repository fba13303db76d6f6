"""The peer transformers: MaskFormerForInstanceSegmentation, when it is installed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import BatchNorm2d
from transformers import (
    MaskFormerConfig,
    MaskFormerForInstanceSegmentation,
    ResNetConfig,
)

from benchmark_lib import inputs
from benchmark_lib.inputs import VOID, Outputs, Settings
from benchmark_lib.measure import Variant

NAME = "transformers"


def _model(settings: Settings) -> MaskFormerForInstanceSegmentation:
    stages = ["stage1", "stage2", "stage3", "stage4"]
    config = MaskFormerConfig(
        backbone_config=ResNetConfig(out_features=stages),
        decoder_config=dict(model_type="detr", num_queries=settings.queries),
        use_auxiliary_loss=True,
        num_labels=settings.classes,
    )
    torch.manual_seed(settings.seed)
    model = MaskFormerForInstanceSegmentation(config).to(settings.device)
    model.train()
    for module in model.modules():
        if isinstance(module, BatchNorm2d):
            module.eval()  # as on the other sides
    return model


def _targets(settings: Settings) -> tuple[list[Tensor], list[Tensor]]:
    """Float masks (G, H, W) and labels (G,) of every image."""
    masks, labels = [], []
    for label_map in inputs.label_maps(settings):
        found = label_map.unique()
        found = found[found != VOID]
        masks.append((label_map == found[:, None, None]).float())
        labels.append(found)
    return masks, labels


def criterion(settings: Settings, outputs: Outputs) -> Variant:
    """Heads, mask product, matching, losses."""
    model = _model(settings)
    masks, labels = _targets(settings)

    def forward() -> Tensor:
        with settings.autocast():
            class_logits, embed = outputs.heads()
            logits = torch.einsum("lbqc,bchw->lbqhw", embed, outputs.features)
            layers = [
                {"masks_queries_logits": m, "class_queries_logits": c}
                for m, c in zip(logits[:-1], class_logits[:-1], strict=True)
            ]
            found = model.get_loss_dict(
                logits[-1], class_logits[-1], masks, labels, layers
            )
        return sum(found.values())

    leaves = list(outputs.parameters())
    return Variant(NAME, forward, [*leaves, *masks, *labels], leaves)


def train_step(settings: Settings) -> Variant:
    """Forward of the whole model, losses, backward."""
    model = _model(settings)
    masks, labels = _targets(settings)
    images = inputs.images(settings)

    def forward() -> Tensor:
        with settings.autocast():
            found = model(
                images,
                mask_labels=masks,
                class_labels=labels,
                output_hidden_states=True,  # or no layer but the last is supervised
            )
        return found.loss.sum()

    leaves = list(model.parameters())
    return Variant(NAME, forward, [images, *masks, *labels, *leaves], leaves)
