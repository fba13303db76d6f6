"""Write a model of ours as a folder that Hugging Face's transformers reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .convert import family_of, from_ours
from .huggingface import HUGGINGFACE
from .huggingface_config import model_config
from .huggingface_images import for_rgb, image_processor
from .layout import MASK2FORMER
from .mask2former import HUGGINGFACE_MASK2FORMER


def export_to_huggingface(
    model: nn.Module,
    settings: Mapping[str, Any],
    folder: str | Path,
    images: Mapping[str, Any] | None = None,
) -> None:
    """Write ``model.safetensors``, ``config.json`` and ``preprocessor_config.json``.

    Args:
        model: of ours, with its weights.
        settings: config of the model. Where it takes BGR images, the channels of its
            first convolution change places: theirs are RGB.
        folder: made if it does not exist; the three files in it are overwritten.
        images: ``classes``, ``resize`` and ``reduces_labels`` as
            ``engine.results.described_images`` gives them; None: no names, images as
            they are.

    Raises:
        ValueError: transformers has no such backbone, setting of it, or pixel decoder.
    """
    from safetensors.torch import save_file

    contents = json_files(model, settings, images)
    state_dict = for_rgb(model.state_dict(), settings["data_preprocessor"])
    layout = HUGGINGFACE
    if family_of(state_dict) == MASK2FORMER:
        layout = HUGGINGFACE_MASK2FORMER
        state_dict = {  # tables that their model builds itself
            name: tensor
            for name, tensor in state_dict.items()
            if not name.endswith("relative_position_index")
        }
    tensors = from_ours(state_dict, layout)
    tensors.update(_constants(contents["config.json"]))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(contiguous, folder / "model.safetensors", metadata=dict(format="pt"))
    for name, content in contents.items():
        text = json.dumps(content, indent=2)
        (folder / name).write_text(f"{text}\n", encoding="utf-8")


def json_files(
    model: nn.Module,
    settings: Mapping[str, Any],
    images: Mapping[str, Any] | None = None,
) -> dict[str, dict[str, Any]]:
    """What the folder says beside the weights, by file; see the function above."""
    known = images or dict(classes=None, resize=None, reduces_labels=False)
    written = model_config(model, settings["backbone"], known["classes"])
    prepared = image_processor(
        settings["data_preprocessor"], known["resize"], known["reduces_labels"]
    )
    name = written["model_type"].replace("former", "Former").replace("mask", "Mask")
    prepared["image_processor_type"] = f"{name}ImageProcessor"
    return {"config.json": written, "preprocessor_config.json": prepared}


def _constants(config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors that their model has beside ours: nothing is learned in them."""
    weights = torch.ones(len(config["id2label"]) + 1)
    weights[-1] = config["no_object_weight"]
    constants = {"criterion.empty_weight": weights}
    backbone = config["backbone_config"]
    if backbone["model_type"] == "swin":
        width = backbone["embed_dim"] * 8
        part = "model" if config["model_type"] == "maskformer" else "swin"
        norm = f"model.pixel_level_module.encoder.{part}.layernorm"
        constants[f"{norm}.weight"] = torch.ones(width)
        constants[f"{norm}.bias"] = torch.zeros(width)
    return constants
