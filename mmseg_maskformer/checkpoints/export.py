"""Write a model of ours as a folder that Hugging Face's transformers reads."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import DATASETS, DefaultScope
from torch import Tensor, nn

from .convert import family_of, from_ours
from .huggingface import HUGGINGFACE
from .huggingface_config import model_config
from .image_processor import for_rgb, image_processor
from .layout import MASK2FORMER
from .mask2former import HUGGINGFACE_MASK2FORMER


def export_to_huggingface(
    model: nn.Module, config: Mapping[str, Any], folder: str | Path
) -> None:
    """Write ``model.safetensors``, ``config.json`` and ``preprocessor_config.json``.

    Args:
        model: of ours, with its weights.
        config: the whole config; names of classes and sizes of images are those of its
            ``val_dataloader``, if it has one. Where the model takes BGR images, the
            channels of its first convolution change places: theirs are RGB.
        folder: made if it does not exist; the three files in it are overwritten.

    Raises:
        ValueError: transformers has no such backbone, setting of it, or pixel decoder,
            or nobody knows the data set.
    """
    from safetensors.torch import save_file

    contents = describe(model, config)
    settings = config["model"]["data_preprocessor"]
    state_dict = for_rgb(model.state_dict(), settings)
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


def describe(model: nn.Module, config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the folder says beside the weights, by file; see the function above."""
    dataset, kind = _dataset(config)
    written = model_config(
        model, config["model"]["backbone"], _class_names(dataset, kind)
    )
    images = image_processor(
        config["model"]["data_preprocessor"], dataset, _reduces_labels(dataset, kind)
    )
    name = written["model_type"].replace("former", "Former").replace("mask", "Mask")
    images["image_processor_type"] = f"{name}ImageProcessor"
    return {"config.json": written, "preprocessor_config.json": images}


def class_names(config: Mapping[str, Any]) -> Sequence[str] | None:
    """Names of the classes of the data that a config validates on, where known.

    Raises:
        ValueError: Nobody knows the data set.
    """
    return _class_names(*_dataset(config))


def _dataset(config: Mapping[str, Any]) -> tuple[Mapping[str, Any], type | None]:
    """The data set of ``val_dataloader``, as its config and its class."""
    dataset = _innermost(config.get("val_dataloader", {}).get("dataset", {}))
    return dataset, _dataset_class(dataset, config.get("default_scope"))


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
