"""Configs to export: those of the paper, and small models."""

from __future__ import annotations

from mmengine.config import Config
from mmengine.registry import init_default_scope

from tests.checkpoints import models

ADE = "maskformer_r50_8xb2-160k_ade20k-512x512"


def settings(name=ADE, **changes):
    """A config of ours by its name; `changes` go into it."""
    init_default_scope("mmseg")
    config = Config.fromfile(models.CONFIGS / "maskformer" / f"{name}.py")
    config.merge_from_dict(changes)
    return config


RESNET = dict(_delete_=True, type="ResNet", depth=50)
SWIN = dict(
    _delete_=True,
    type="mmseg.SwinTransformer",
    embed_dims=24,
    depths=(1, 1, 1, 1),
    num_heads=(1, 1, 2, 2),
    mlp_ratio=2,
)
WIDTHS = {"ResNet": [256, 512, 1024, 2048], SWIN["type"]: [24, 48, 96, 192]}
THINGS = dict(semantic=None, panoptic=2, instance=3)
NAMES = ("cell", "fibre", "ground")
BGR = dict(bgr_to_rgb=False, mean=[103.53, 116.28, 123.675], std=[57.0, 58.0, 59.0])


def small(task, backbone, preprocessor):
    """A config with a small model, and whole numbers where it may have some."""
    things = THINGS[task]
    panoptic = "maskformer_swin-t_64xb1-554k_coco-panoptic"
    name = ADE if things is None else panoptic
    config = Config.fromfile(models.CONFIGS / "maskformer" / f"{name}.py")
    dataset = config.test_dataloader.dataset
    dataset.metainfo = dict(classes=NAMES)
    if things is None:
        dataset.type = "BaseSegDataset"  # that of ADE20K has other classes
    parts = dict(
        in_channels=WIDTHS[backbone["type"]],
        network=dict(transformer_decoder=dict(num_layers=1, num_queries=5, dropout=0)),
        criterion=dict(loss_mask=dict(weight=20), loss_cls=dict(weight=2)),
    )
    model = dict(backbone=dict(backbone), data_preprocessor=preprocessor)
    if things is None:
        model["decode_head"] = dict(parts, num_classes=3)
    else:
        model["decode_head"] = parts
        model |= dict(num_things_classes=things, num_stuff_classes=3 - things)
    config.merge_from_dict(dict(model=model))
    return config


MASKED = dict(
    type="MaskFormer",
    pixel_decoder=dict(
        type="MSDeformAttnPixelDecoder",
        embed_dim=32,
        mask_channels=48,
        num_layers=2,
        num_heads=4,
        ffn_dim=40,
    ),
    transformer_decoder=dict(
        type="MaskedTransformerDecoder",
        num_queries=5,
        num_layers=3,
        embed_dim=64,
        num_heads=4,
        ffn_dim=80,
    ),
)


def small_masked(backbone, **pixels):
    """A config with a small Mask2Former."""
    config = small("semantic", backbone, {})
    network = dict(MASKED, pixel_decoder=MASKED["pixel_decoder"] | pixels)
    config.model.decode_head.network = network
    loss = dict(mask=5.0, dice=4.0)
    for name, weight in loss.items():
        config.model.decode_head.criterion[f"loss_{name}"].weight = weight
    return config
