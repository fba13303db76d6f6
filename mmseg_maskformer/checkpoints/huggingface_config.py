"""The ``config.json`` of a model of ours for Hugging Face's transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from .convert import family_of
from .huggingface_parts import check_network
from .layout import MASK2FORMER

_STAGES = ["stage1", "stage2", "stage3", "stage4"]
_RESNET_DEPTHS = {50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}
# Backbone settings that change no output.
_FREE = {"type", "init_cfg", "pretrained", "with_cp", "frozen_stages", "norm_eval"}
_FREE |= {"pretrain_img_size", "zero_init_residual", "contract_dilation"}
_FREE |= {"stage_with_dcn"}  # dcn says whether there is any
# Settings with one value only in transformers, and that value.
_FIXED_RESNET = dict(
    in_channels=3,
    base_channels=64,
    num_stages=4,
    strides=(1, 2, 2, 2),
    dilations=(1, 1, 1, 1),
    out_indices=(0, 1, 2, 3),
    deep_stem=False,
    avg_down=False,
    conv_cfg=None,
    dcn=None,
    plugins=None,
    multi_grid=None,
    norm_cfg=dict(type="BN"),
)
_FIXED_SWIN = dict(
    in_channels=3,
    patch_size=4,
    strides=(4, 2, 2, 2),
    out_indices=(0, 1, 2, 3),
    qk_scale=None,
    patch_norm=True,
    use_abs_pos_embed=False,
    act_cfg=dict(type="GELU"),
    norm_cfg=dict(type="LN"),
)


def model_config(
    model: nn.Module,
    backbone: Mapping[str, Any],
    classes: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The ``config.json`` of a model of ours.

    Args:
        model: built; its weights do not matter.
        backbone: its config.
        classes: names of the K classes.

    Raises:
        ValueError: transformers has no counterpart of a part.
    """
    head: Any = model.get_submodule("decode_head")
    network = head.network
    family = family_of(model.state_dict())
    check_network(network, family)
    names = classes or [f"LABEL_{index}" for index in range(head.num_classes)]
    if len(names) != head.num_classes:
        raise ValueError(
            f"{len(names)} class names were given, but the model has num_classes="
            f"{head.num_classes}."
        )
    known = dict(
        backbone_config=backbone_config(backbone),
        no_object_weight=float(head.criterion.loss_cls.no_object_weight),
        mask_weight=float(head.criterion.loss_mask.weight),
        dice_weight=float(head.criterion.loss_dice.weight),
        mask_feature_size=network.pixel_decoder.mask_channels,
        id2label={str(index): name for index, name in enumerate(names)},
        label2id={name: index for index, name in enumerate(names)},
    )
    class_weight = float(head.criterion.loss_cls.weight)
    if family == MASK2FORMER:
        return known | _mask2former(network) | dict(class_weight=class_weight)
    return known | _maskformer(network) | dict(cross_entropy_weight=class_weight)


def _maskformer(network: Any) -> dict[str, Any]:
    decoder = network.transformer_decoder
    attention = decoder.layers[0].cross_attention.attention
    return dict(
        architectures=["MaskFormerForInstanceSegmentation"],
        model_type="maskformer",
        decoder_config=dict(
            model_type="detr",
            d_model=decoder.embed_dim,
            encoder_layers=0,
            decoder_layers=len(decoder.layers),
            decoder_attention_heads=attention.num_heads,
            decoder_ffn_dim=decoder.layers[0].feed_forward.layers[0].out_features,
            dropout=float(attention.dropout),
            num_queries=decoder.query_embed.num_embeddings,
        ),
        fpn_feature_size=network.pixel_decoder.mask_conv.in_channels,
    )


def _mask2former(network: Any) -> dict[str, Any]:
    pixels, decoder = network.pixel_decoder, network.transformer_decoder
    attention = decoder.layers[0].cross_attention.attention
    return dict(
        architectures=["Mask2FormerForUniversalSegmentation"],
        model_type="mask2former",
        feature_size=pixels.mask_conv.in_channels,
        hidden_dim=decoder.embed_dim,
        encoder_layers=len(pixels.encoder.feed_forward),
        encoder_feedforward_dim=(pixels.encoder.feed_forward[0].layers[0].out_features),
        decoder_layers=len(decoder.layers) + 1,  # their count has the heads before them
        num_attention_heads=attention.num_heads,
        dim_feedforward=decoder.layers[0].feed_forward.layers[0].out_features,
        dropout=float(attention.dropout),
        num_queries=decoder.query_embed.num_embeddings,
    )


def backbone_config(backbone: Mapping[str, Any]) -> dict[str, Any]:
    """The ``backbone_config`` of a backbone by its config.

    Raises:
        ValueError: transformers has no such backbone, or not that setting of it.
    """
    kind = backbone["type"].rpartition(".")[2]  # of "mmseg.SwinTransformer"
    if kind == "ResNet" and backbone.get("depth") in _RESNET_DEPTHS:
        return _resnet(**_settings(backbone, _FIXED_RESNET))
    if kind == "SwinTransformer":
        return _swin(**_settings(backbone, _FIXED_SWIN))
    raise ValueError(
        f"transformers has no counterpart of the backbone {backbone['type']} (depth "
        f"{backbone.get('depth')}); ResNet-50, -101, -152 and SwinTransformer can be "
        "written."
    )


def _settings(backbone: Mapping[str, Any], fixed: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that can be written; the others have the one value they may have."""
    found = {name: x for name, x in backbone.items() if name not in _FREE}
    for name, allowed in fixed.items():
        value = found.pop(name, allowed)
        if _plain(value) != allowed:
            raise _no_counterpart(name, value)
    return found


def _plain(value: Any) -> Any:
    """A setting without what changes no output."""
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, Mapping):
        return value
    kept = {n: x for n, x in value.items() if n not in ("requires_grad", "momentum")}
    return {**kept, "type": str(kept["type"]).removeprefix("Sync")}


def _no_counterpart(name: str, value: Any) -> ValueError:
    return ValueError(
        f"transformers has no counterpart of model.backbone.{name}={value!r}; a model "
        "with this setting cannot be written."
    )


def _resnet(
    depth: int,
    style: str = "pytorch",
    stem_channels: int = 64,
    **others: Any,
) -> dict[str, Any]:
    """The ``backbone_config`` of a ResNet with bottlenecks."""
    for name, value in others.items():
        raise _no_counterpart(name, value)
    return dict(
        model_type="resnet",
        layer_type="bottleneck",
        embedding_size=stem_channels,
        hidden_sizes=[256, 512, 1024, 2048],
        depths=_RESNET_DEPTHS[depth],
        downsample_in_bottleneck=style == "caffe",
        out_features=_STAGES,
    )


def _swin(
    embed_dims: int = 96,
    depths: Sequence[int] = (2, 2, 6, 2),
    num_heads: Sequence[int] = (3, 6, 12, 24),
    window_size: int = 7,
    mlp_ratio: float = 4,
    qkv_bias: bool = True,
    drop_rate: float = 0.0,
    attn_drop_rate: float = 0.0,
    drop_path_rate: float = 0.1,
    **others: Any,
) -> dict[str, Any]:
    """The ``backbone_config`` of a Swin transformer; defaults are those of mmseg."""
    for name, value in others.items():
        raise _no_counterpart(name, value)
    return dict(
        model_type="swin",
        embed_dim=embed_dims,
        depths=list(depths),
        num_heads=list(num_heads),
        window_size=window_size,
        mlp_ratio=float(mlp_ratio),
        qkv_bias=qkv_bias,
        hidden_dropout_prob=float(drop_rate),
        attention_probs_dropout_prob=float(attn_drop_rate),
        drop_path_rate=float(drop_path_rate),
        out_features=_STAGES,
    )
