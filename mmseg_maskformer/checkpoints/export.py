"""Write a model of ours as a folder that Hugging Face's transformers reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .convert import from_ours
from .huggingface import HUGGINGFACE

_STAGES = ["stage1", "stage2", "stage3", "stage4"]
_RESNET_DEPTHS = {50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}


def export_to_huggingface(
    state_dict: Mapping[str, Tensor],
    model: Mapping[str, Any],
    folder: str | Path,
    classes: Sequence[str] | None = None,
) -> None:
    """Write ``model.safetensors``, ``config.json`` and ``preprocessor_config.json``.

    Args:
        state_dict: our tensors by name.
        model: the ``model`` of our config.
        folder: made if it does not exist; the three files in it are overwritten.
        classes: names of the classes, in order.

    Raises:
        ValueError: transformers has no such backbone or pixel decoder.
    """
    from safetensors.torch import save_file

    tensors = from_ours(state_dict, HUGGINGFACE)
    config = model_config(model, classes)
    tensors.update(_constants(config))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(contiguous, folder / "model.safetensors", metadata=dict(format="pt"))
    for name, content in (
        ("config.json", config),
        ("preprocessor_config.json", _preprocessor(model["data_preprocessor"])),
    ):
        text = json.dumps(content, indent=2)
        (folder / name).write_text(f"{text}\n", encoding="utf-8")


def model_config(
    model: Mapping[str, Any], classes: Sequence[str] | None = None
) -> dict[str, Any]:
    """The ``config.json`` of a model of ours."""
    head = model["decode_head"]
    num_classes = head["num_classes"]
    names = classes or [f"LABEL_{index}" for index in range(num_classes)]
    if len(names) != num_classes:
        raise ValueError(
            f"{len(names)} class names were given, but the model has num_classes="
            f"{num_classes}."
        )
    queries = head["transformer_decoder"]
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
            dropout=queries.get("dropout", 0.1),
            num_queries=queries.get("num_queries", 100),
        ),
        fpn_feature_size=head["pixel_decoder"].get("out_channels", 256),
        mask_feature_size=head["pixel_decoder"].get("mask_channels", 256),
        id2label={str(index): name for index, name in enumerate(names)},
        label2id={name: index for index, name in enumerate(names)},
    )


def _backbone(backbone: Mapping[str, Any]) -> dict[str, Any]:
    if backbone["type"] == "ResNet" and backbone.get("depth") in _RESNET_DEPTHS:
        return dict(
            model_type="resnet",
            layer_type="bottleneck",
            embedding_size=64,
            hidden_sizes=[256, 512, 1024, 2048],
            depths=_RESNET_DEPTHS[backbone["depth"]],
            out_features=_STAGES,
        )
    if backbone["type"] == "SwinTransformer":
        return dict(
            model_type="swin",
            embed_dim=backbone["embed_dims"],
            depths=list(backbone["depths"]),
            num_heads=list(backbone["num_heads"]),
            window_size=backbone["window_size"],
            drop_path_rate=backbone.get("drop_path_rate", 0.1),
            out_features=_STAGES,
        )
    raise ValueError(
        f"transformers has no counterpart of the backbone {backbone['type']} (depth "
        f"{backbone.get('depth')}); ResNet-50, -101, -152 and SwinTransformer can be "
        "written."
    )


def _constants(config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors that their model has beside ours: nothing is learned in them."""
    weights = torch.ones(len(config["id2label"]) + 1)
    weights[-1] = 0.1  # of "no object" in the class loss
    constants = {"criterion.empty_weight": weights}
    backbone = config["backbone_config"]
    if backbone["model_type"] == "swin":
        width = backbone["embed_dim"] * 8
        norm = "model.pixel_level_module.encoder.model.layernorm"
        constants[f"{norm}.weight"] = torch.ones(width)
        constants[f"{norm}.bias"] = torch.zeros(width)
    return constants


def _preprocessor(settings: Mapping[str, Any]) -> dict[str, Any]:
    return dict(
        image_processor_type="MaskFormerImageProcessor",
        do_resize=True,
        size=dict(shortest_edge=512, longest_edge=2048),
        do_rescale=True,
        do_normalize=True,
        image_mean=[value / 255 for value in settings["mean"]],
        image_std=[value / 255 for value in settings["std"]],
        size_divisor=settings.get("size_divisor", 32),
        ignore_index=settings.get("seg_pad_val", 255),
    )
