"""Tiny semantic models to train on two scenes, and configs cut to a few scenes."""

from __future__ import annotations

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)
from tests.checkpoints import models

TINY_BACKBONE = dict(
    type="ResNet", depth=18, base_channels=8, stem_channels=8, norm_eval=True
)
TINY_HEAD = dict(
    type="mmseg_maskformer.MaskFormerHead",
    in_channels=[8, 16, 32, 64],
    num_classes=5,
    network=dict(
        type="MaskFormer",
        pixel_decoder=dict(
            type="FPNPixelDecoder", out_channels=32, mask_channels=32, num_groups=8
        ),
        transformer_decoder=dict(
            type="TransformerDecoder",
            num_queries=8,
            num_layers=2,
            embed_dim=32,
            num_heads=4,
            ffn_dim=64,
        ),
    ),
)
TWO_SCENES = dict(
    type="mmseg_maskformer.ScenesDataset",
    num_images=2,
    scene=dict(num_things=3, num_stuff=2, size=(64, 96)),
    pipeline=[dict(type="PackSegInputs")],
)


def tiny_config(num_classes=5, backbone=None, decode_head=None, **changes):
    return dict(
        type="mmseg_maskformer.MaskFormerSegmentor",
        data_preprocessor=dict(type="SegDataPreProcessor", size=(64, 96)),
        backbone=TINY_BACKBONE | (backbone or {}),
        decode_head=TINY_HEAD | dict(num_classes=num_classes) | (decode_head or {}),
        **changes,
    )


def tiny_model(*args, **kwargs):
    init_default_scope("mmseg")
    return models.MODELS.build(tiny_config(*args, **kwargs))


def tiny_runner(work_dir, load_from, num_classes=5):
    """A runner whose training changes nothing: its learning rate is zero."""
    return Runner(
        model=tiny_config(num_classes),
        work_dir=str(work_dir),
        load_from=str(load_from),
        train_dataloader=dict(
            batch_size=1, dataset=TWO_SCENES, sampler=dict(type="DefaultSampler")
        ),
        train_cfg=dict(type="IterBasedTrainLoop", max_iters=1),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.0)),
        default_scope="mmseg",
        experiment_name=work_dir.parent.name,  # of the test: logs are kept apart by it
    )


def few_scenes(path, folder, **model):
    """A config of a few scenes with big things, and random weights for it."""
    scene = dict(num_things=1, num_stuff=11, size=(64, 64))
    loader = dict(dataset=dict(num_images=6, scene=scene))
    config = Config(dict(_base_=str(path), val_dataloader=loader, model=model))
    file, weights = folder / path.name, folder / f"{path.stem}.pth"
    file.write_text(config.pretty_text)
    config = Config.fromfile(file)
    init_default_scope(config.default_scope)
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), weights)
    return file, weights
