"""Write a model of ours as a folder that Hugging Face's transformers reads."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import DATASETS, DefaultScope
from torch import Tensor

from mmseg_maskformer.adapters.build import build_part

from .convert import from_ours
from .huggingface import HUGGINGFACE
from .image_processor import for_rgb, image_processor

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


def export_to_huggingface(
    state_dict: Mapping[str, Tensor], config: Mapping[str, Any], folder: str | Path
) -> None:
    """Write ``model.safetensors``, ``config.json`` and ``preprocessor_config.json``.

    Args:
        state_dict: our tensors by name.
        config: the whole config; names of classes and sizes of images are those of its
            ``val_dataloader``, if it has one. Where the model takes BGR images, the
            channels of its first convolution change places: theirs are RGB.
        folder: made if it does not exist; the three files in it are overwritten.

    Raises:
        ValueError: transformers has no such backbone, setting of it, or pixel decoder,
            or nobody knows the data set.
    """
    from safetensors.torch import save_file

    settings = config["model"]["data_preprocessor"]
    tensors = from_ours(for_rgb(state_dict, settings), HUGGINGFACE)
    dataset = _innermost(config.get("val_dataloader", {}).get("dataset", {}))
    kind = _dataset_class(dataset, config.get("default_scope"))
    model = model_config(config["model"], _class_names(dataset, kind))
    preprocessor = image_processor(settings, dataset, _reduces_labels(dataset, kind))
    tensors.update(_constants(model))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(contiguous, folder / "model.safetensors", metadata=dict(format="pt"))
    for name, content in (
        ("config.json", model),
        ("preprocessor_config.json", preprocessor),
    ):
        text = json.dumps(content, indent=2)
        (folder / name).write_text(f"{text}\n", encoding="utf-8")


def model_config(
    model: Mapping[str, Any], classes: Sequence[str] | None = None
) -> dict[str, Any]:
    """The ``config.json`` of a model of ours."""
    head = model["decode_head"]
    num_classes = _num_classes(model)
    names = classes or [f"LABEL_{index}" for index in range(num_classes)]
    if len(names) != num_classes:
        raise ValueError(
            f"{len(names)} class names were given, but the model has num_classes="
            f"{num_classes}."
        )
    network = head.get("network", dict(type="MaskFormer"))
    queries = network.get("transformer_decoder", {})
    pixels = network.get("pixel_decoder", {})
    if not _is_plain(network):
        raise ValueError(
            "transformers has MaskFormer with self-attention among queries and without "
            "boxes only; per-pixel models and other variants cannot be written."
        )
    criterion = build_part(head.get("criterion", dict(type="SetCriterion")))
    return dict(
        architectures=["MaskFormerForInstanceSegmentation"],
        model_type="maskformer",
        backbone_config=_backbone(model["backbone"]),
        decoder_config=dict(
            model_type="detr",
            d_model=queries.get("embed_dim", 256),
            encoder_layers=0,
            decoder_layers=queries.get("num_layers", 6),
            decoder_attention_heads=queries.get("num_heads", 8),
            decoder_ffn_dim=queries.get("ffn_dim", 2048),
            dropout=float(queries.get("dropout", 0.1)),
            num_queries=queries.get("num_queries", 100) or num_classes,
        ),
        fpn_feature_size=pixels.get("out_channels", 256),
        mask_feature_size=pixels.get("mask_channels", 256),
        no_object_weight=float(criterion.loss_cls.no_object_weight),
        cross_entropy_weight=float(criterion.loss_cls.weight),
        mask_weight=float(criterion.loss_mask.weight),
        dice_weight=float(criterion.loss_dice.weight),
        id2label={str(index): name for index, name in enumerate(names)},
        label2id={name: index for index, name in enumerate(names)},
    )


def _num_classes(model: Mapping[str, Any]) -> int:
    if "num_things_classes" in model:
        return model["num_things_classes"] + model["num_stuff_classes"]
    return model["decode_head"]["num_classes"]


def _is_plain(network: Mapping[str, Any]) -> bool:
    """Whether a network is that of transformers, apart from its pixel decoder."""
    if network["type"].rpartition(".")[2] != "MaskFormer" or network.get("with_boxes"):
        return False
    return network.get("transformer_decoder", {}).get("self_attention", True)


def _backbone(backbone: Mapping[str, Any]) -> dict[str, Any]:
    kind = backbone["type"].rpartition(".")[2]  # "mmseg.SwinTransformer" in mmdet
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


def _constants(config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors that their model has beside ours: nothing is learned in them."""
    weights = torch.ones(len(config["id2label"]) + 1)
    weights[-1] = config["no_object_weight"]
    constants = {"criterion.empty_weight": weights}
    backbone = config["backbone_config"]
    if backbone["model_type"] == "swin":
        width = backbone["embed_dim"] * 8
        norm = "model.pixel_level_module.encoder.model.layernorm"
        constants[f"{norm}.weight"] = torch.ones(width)
        constants[f"{norm}.bias"] = torch.zeros(width)
    return constants


def _innermost(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config of the data set inside wrappers, of several the first."""
    while inside := dataset.get("dataset") or dataset.get("datasets"):
        dataset = inside if isinstance(inside, Mapping) else inside[0]
    return dataset


def _dataset_class(dataset: Mapping[str, Any], scope: str | None) -> type | None:
    """The class of a data set by its name in a scope, mmseg's if there is none."""
    kind = dataset.get("type")
    if not isinstance(kind, str):
        return kind
    current = DefaultScope.get_current_instance()
    scope = scope or (current.scope_name if current else "mmseg")
    with DATASETS.switch_scope_and_registry(scope) as registry:
        found = registry.get(kind)
    if found is None:
        raise ValueError(
            f"val_dataloader.dataset.type={kind!r} is no data set of {scope!r}, so "
            "that its classes are unknown. Set default_scope and custom_imports of the "
            "config, or remove val_dataloader."
        )
    return found


def _reduces_labels(dataset: Mapping[str, Any], kind: type | None) -> bool:
    """Whether 0 in label maps means no class and 1 the first."""
    known = inspect.signature(kind).parameters if kind else {}
    default = getattr(known.get("reduce_zero_label"), "default", False)
    return bool(dataset.get("reduce_zero_label", default))


def _class_names(dataset: Mapping[str, Any], kind: type | None) -> Sequence[str] | None:
    """Names of the classes, where the data set or its config says them."""
    known = getattr(kind, "METAINFO", {})
    return dataset.get("metainfo", known).get("classes")
