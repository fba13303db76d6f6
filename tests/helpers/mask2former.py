"""Mask2Formers of ours and of the peers."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from tests.helpers.host_configs import host_config

R50 = dict(type="ResNet", depth=50, norm_eval=True)
SWIN = dict(
    type="SwinTransformer",
    embed_dims=24,
    depths=(1, 1, 2, 1),
    num_heads=(1, 2, 4, 8),
    window_size=7,
)
SMALL = dict(
    backbone=SWIN,
    pixels=dict(embed_dim=32, mask_channels=48, num_layers=2, ffn_dim=40),
    queries=dict(num_queries=7, num_layers=4, embed_dim=64, ffn_dim=80),
)


def network(pixels=None, queries=None):
    """A network as the authors' where nothing is said."""
    return dict(
        type="MaskFormer",
        pixel_decoder=dict(type="MSDeformAttnPixelDecoder", **pixels or {}),
        transformer_decoder=dict(type="MaskedTransformerDecoder", **queries or {}),
    )


def widths(backbone):
    """Channels of the four stages of a backbone."""
    first = backbone.get("embed_dims", 256)
    return [first * 2**level for level in range(4)]


def segmentor(num_classes, backbone=R50, **parts):
    """A Mask2Former of ours in MMSegmentation."""
    init_default_scope("mmseg")
    head = dict(
        type="mmseg_maskformer.MaskFormerHead",
        in_channels=widths(backbone),
        num_classes=num_classes,
        network=network(**parts),
    )
    kind = "mmseg_maskformer.MaskFormerSegmentor"
    model = MODELS.build(dict(type=kind, backbone=backbone, decode_head=head))
    return model.eval()


def detector():
    """The authors' model of COCO in MMDetection."""
    mmdet = pytest.importorskip("mmdet.registry")
    init_default_scope("mmdet")
    images = dict(
        type="DetDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
    )
    config = dict(
        type="mmseg_maskformer.MaskFormerDetector",
        backbone=R50,
        decode_head=dict(in_channels=widths(R50), network=network()),
        num_things_classes=80,
        num_stuff_classes=53,
        data_preprocessor=images,
        test_cfg=dict(panoptic_rule="mask2former"),
    )
    return mmdet.MODELS.build(config).eval()


def mmdet_model():
    """MMDetection's own for the panoptic task of COCO."""
    pytest.importorskip("mmdet")
    from mmdet.registry import MODELS as KNOWN

    init_default_scope("mmdet")
    name = "mask2former_r50_8xb2-lsj-50e_coco-panoptic.py"
    config = Config.fromfile(host_config("mmdet", f"mask2former/{name}")).model
    config.backbone.init_cfg = None
    return KNOWN.build(config).eval()


def mmseg_model():
    """MMSegmentation's own for ADE20K."""
    pytest.importorskip("mmdet")
    init_default_scope("mmseg")
    name = "mask2former_r50_8xb2-160k_ade20k-512x512.py"
    config = Config.fromfile(host_config("mmseg", f"mask2former/{name}")).model
    config.backbone.init_cfg = None
    config.backbone.norm_cfg.type = "BN"
    return MODELS.build(config).eval()


def huggingface_model():
    """Hugging Face's own, of the sizes of SMALL."""
    transformers = pytest.importorskip("transformers")
    backbone = transformers.SwinConfig(
        embed_dim=SWIN["embed_dims"],
        depths=SWIN["depths"],
        num_heads=SWIN["num_heads"],
        window_size=SWIN["window_size"],
        out_features=[f"stage{i}" for i in range(1, 5)],
    )
    config = transformers.Mask2FormerConfig(
        backbone_config=backbone,
        feature_size=32,
        mask_feature_size=48,
        hidden_dim=64,
        encoder_layers=2,
        encoder_feedforward_dim=40,
        decoder_layers=5,
        dim_feedforward=80,
        num_queries=7,
        num_labels=3,
    )
    return transformers.Mask2FormerForUniversalSegmentation(config).eval()
