"""What a row of a comparison says about its config."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from mmseg_maskformer.datasets.wrappers import leaf_configs
from mmseg_maskformer.registry import is_ours, type_name

from .kinds import SEMANTIC, kind_of

# Names of the papers; another head has the name of its class.
_METHODS = {
    "DepthwiseSeparableASPPHead": "DeepLabV3+",
    "ASPPHead": "DeepLabV3",
    "FCNHead": "FCN",
    "MaskFormerHead": "MaskFormer (mmseg)",
    "Mask2FormerHead": "Mask2Former (mmseg)",
    "PSPHead": "PSPNet",
    "SegformerHead": "SegFormer",
    "UPerHead": "UperNet",
}
# Transforms of this package after which images have one size, which they call size.
_FIXED = ("LargeScaleJitter", "RandomWindow")
# Papers' letters by width and blocks of the third stage.
_SWIN = {(96, 6): "T", (96, 18): "S", (128, 18): "B", (192, 18): "L"}


class Description(NamedTuple):
    """What a row of the comparison says about its config."""

    name: str
    method: str
    backbone: str
    crop: tuple[int, int] | None  # height, width; None where they vary
    batch: int
    iterations: int | None  # None of a schedule of epochs


def describe_config(config: Config) -> Description:
    """Method, backbone and budget of a config."""
    kind = kind_of(config)
    return Description(
        name=Path(config.filename).stem,
        method=_method(config.model),
        backbone=_backbone(config.model.backbone),
        crop=crop_size(config) if kind is SEMANTIC else fixed_size(config),
        batch=config.train_dataloader.batch_size,
        iterations=(config.get("train_cfg") or {}).get("max_iters"),
    )


def _method(model: dict) -> str:
    head = model.get("decode_head")
    if head is None:
        return f"{type_name(model).removesuffix('Detector')} (mmdet)"
    if not is_ours(head if "type" in head else model):
        name = type_name(head)
        return _METHODS.get(name, name.removesuffix("Head"))
    network = head.get("network", {})  # absent means MaskFormer
    name = type_name(network) or "MaskFormer"
    if name == "PerPixelBaseline":
        return name + "+" * (network.get("transformer_decoder") is not None)
    queries = type_name(network.get("transformer_decoder") or {})
    if queries == "MaskedTransformerDecoder":
        name = "Mask2Former"
    assigner = head.get("criterion", {}).get("assigner", {})
    return name + "-fixed" * (type_name(assigner) == "FixedAssigner")


def _backbone(backbone: dict) -> str:
    name = backbone.get("model_name") or type_name(backbone)  # timm's
    if name == "SwinTransformer":
        depths = backbone.get("depths", (2, 2, 6, 2))
        size = (backbone.get("embed_dims", 96), depths[2])
        return f"Swin-{_SWIN.get(size, f'{size[0]}-{size[1]}')}"
    name += f"-{backbone['depth']}" if "depth" in backbone else ""
    width = backbone.get("base_channels", 64)
    return name if width == 64 else f"{name} ({width} channels)"


def crop_size(config: Config) -> tuple[int, int]:
    """Height and width of a training image.

    Raises:
        ValueError: Neither pipeline, data set nor preprocessor says it.
    """
    size = fixed_size(config)
    if size is None:
        raise ValueError(
            f"{config.filename} does not say how large a training image is: neither by "
            "RandomCrop in the pipeline nor by model.data_preprocessor.size."
        )
    return size


def fixed_size(config: Config) -> tuple[int, int] | None:
    """Height and width of every training image; None where they vary."""
    loader = config.get("train_dataloader") or {}
    dataset = leaf_configs(loader.get("dataset") or {})[0]
    scope = config.get("default_scope", "mmseg")
    crops = [_fixed_by(step, scope) for step in dataset.get("pipeline", ())]
    size = next((x for x in reversed(crops) if x), None)
    size = size or dataset.get("scene", {}).get("size")
    size = size or (config.model.get("data_preprocessor") or {}).get("size")
    size = size or config.get("crop_size")
    return (size, size) if isinstance(size, int) else size and (size[0], size[1])


def _fixed_by(step: dict, scope: str) -> Any:
    """The one size of images after this transform, if they have one."""
    kind = type_name(step)
    if kind in _FIXED:
        return step.get("size")
    if kind != "RandomCrop" or step.get("crop_type", "absolute") != "absolute":
        return None
    home = step["type"].rpartition(".")[0] or scope
    size = step["crop_size"]  # MMDetection's is width and height
    return size[::-1] if home == "mmdet" else size
