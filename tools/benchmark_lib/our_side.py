"""This package: the criterion, the R50 model and the tiled inference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from benchmark_lib import inputs
from benchmark_lib.inputs import Outputs, Settings
from benchmark_lib.measure import Variant
from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.inference import semantic_labels
from mmseg_maskformer.core.panoptic import panoptic_segments
from mmseg_maskformer.core.structures import Predictions
from mmseg_maskformer.core.targets import semantic_targets
from mmseg_maskformer.core.tiling import Placement

NAME = "ours"
BASE = Path(__file__).resolve().parents[2] / "configs/_base_/models/maskformer_r50.py"


def criterion(settings: Settings, outputs: Outputs) -> Variant:
    """Heads, matching, losses; mask logits are made where they are needed."""
    module = SetCriterion().to(settings.device)
    label_maps = inputs.label_maps(settings)
    targets = semantic_targets(label_maps, settings.classes, inputs.VOID)

    def forward() -> Tensor:
        with settings.autocast():
            class_logits, embed = outputs.heads()
            predictions = Predictions(class_logits, embed, outputs.features[None])
            losses = module(predictions, targets)
        return sum(losses.values())

    leaves = list(outputs.parameters())
    maps = [target.segment_map for target in targets]
    return Variant(NAME, forward, [*leaves, *maps], leaves)


def train_step(settings: Settings) -> Variant:
    """Forward of the whole model, losses, backward."""
    return model_step(NAME, settings, segmentor(settings))


def segmentor(settings: Settings, **head: Any) -> BaseModel:
    """The R50 model; `head` replaces settings of its head."""
    config = Config.fromfile(BASE).model
    # the peer's configuration trains the batch norms' weights; the same here
    norm = dict(type="BN", requires_grad=True)
    config.update(data_preprocessor=None)
    config.backbone.update(init_cfg=None, norm_cfg=norm)
    config.decode_head.num_classes = settings.classes
    config.decode_head.network.transformer_decoder.num_queries = settings.queries
    if settings.classes > inputs.VOID:
        config.decode_head.ignore_index = config.decode_head.num_classes
    for name, value in head.items():
        config.decode_head[name] = value
    torch.manual_seed(settings.seed)
    model = MODELS.build(config).to(settings.device)
    model.init_weights()
    return model.train()


def model_step(
    name: str, settings: Settings, model: BaseModel, note: str = ""
) -> Variant:
    """A training step of a model of MMSegmentation's."""
    images, labelled = inputs.images(settings), samples(settings)

    def forward() -> Tensor:
        with settings.autocast():
            losses = model.loss(images, labelled)
        return sum(v for k, v in losses.items() if "loss" in k)

    leaves = [x for x in model.parameters() if x.requires_grad]
    return Variant(name, forward, [images, *leaves], leaves, note)


def samples(settings: Settings) -> list[SegDataSample]:
    """Label maps as MMSegmentation's models take them."""
    sizes = ("img_shape", "ori_shape", "pad_shape", "batch_input_shape")
    found = []
    for label_map in inputs.label_maps(settings):
        sample = SegDataSample(metainfo=dict.fromkeys(sizes, settings.size))
        sample.gt_sem_seg = PixelData(data=label_map[None])
        found.append(sample)
    return found


def semantic_inference(settings: Settings) -> Variant:
    """From head outputs to label maps, in tiles."""
    class_logits, embed, features = inputs.head_outputs(settings)
    masks = torch.einsum("bqc,bchw->bqhw", embed, features)

    @torch.no_grad()
    def forward() -> Tensor:
        with settings.autocast():
            pairs = zip(class_logits, masks, strict=True)
            return torch.stack(
                [semantic_labels(*x, Placement.whole(settings.size)) for x in pairs]
            )

    return Variant(NAME, forward, [class_logits, masks])


def panoptic_inference(settings: Settings) -> Variant:
    """From head outputs to panoptic maps, in tiles, all queries at once."""
    from mmseg_maskformer.adapters.panoptic_results import host_map

    outputs = inputs.panoptic_outputs(settings)
    placement, things = Placement.whole(settings.size), inputs.num_things(settings)

    @torch.no_grad()
    def forward() -> Tensor:
        with settings.autocast():
            found = [
                panoptic_segments(*image, placement, things)
                for image in zip(*outputs, strict=True)
            ]
        return torch.stack([host_map(x, things, settings.classes) for x in found])

    return Variant(NAME, forward, list(outputs))
