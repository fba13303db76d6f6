"""Configs of either host's segmentors made ready to be compared."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from mmseg_maskformer.checks import CHECKS
from mmseg_maskformer.engine import launch
from mmseg_maskformer.engine.schedule import scale_schedule

_OURS = "mmseg_maskformer."
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
# Papers' letters by width and blocks of the third stage.
_SWIN = {(96, 6): "T", (96, 18): "S", (128, 18): "B", (192, 18): "L"}
_TRAINING = (
    *("model", "train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler"),
    *("randomness", "load_from", "custom_hooks"),
)
_EVALUATION = ("model", "val_dataloader", "val_evaluator")
_PLACES = ("data_root", "work_dir")  # where files stand changes no result
_CHECKPOINTS = 10  # of a training, so that little is lost when it stops


class Description(NamedTuple):
    """What a row of the comparison says about its config."""

    name: str
    method: str
    backbone: str
    crop: tuple[int, int]  # height, width
    batch: int
    iterations: int


def read_config(path: str, options: dict[str, Any] | None = None) -> Config:
    """Read a semantic config and apply what the command line overrides.

    Raises:
        SystemExit: There is no such file, or it is no config for this comparison.
    """
    config = launch.read_config(path, options or {})
    if config.get("default_scope") != "mmseg" or "decode_head" not in config.model:
        raise SystemExit(
            f"{path} is no semantic config of MMSegmentation (default_scope='mmseg' "
            "and model.decode_head), which alone can be compared here."
        )
    if not isinstance(config.model.decode_head, dict):
        raise SystemExit(
            f"{path} has a cascade of heads, {len(config.model.decode_head)} in "
            "model.decode_head; only models with one head can be compared."
        )
    if "max_iters" not in (config.get("train_cfg") or {}):
        raise SystemExit(
            f"{path} has no train_cfg.max_iters; schedules that count epochs cannot be "
            "compared by iterations. Give it an IterBasedTrainLoop."
        )
    return config


def prepare(
    config: Config, seed: int, iterations: int | None = None, amp: bool = False
) -> list[str]:
    """Give a config the budget, the seed and the evaluators of the comparison.

    Args:
        config: changed in place.
        seed: of initialisation and data.
        iterations: to train for; default: those of the config.
        amp: train in mixed precision.

    Returns:
        Sentences about what the budget does to the recipe.

    Raises:
        SystemExit: The schedule or the evaluators are not understood.
    """
    notes = [] if iterations is None else scale_schedule(config, iterations)
    if amp:
        launch.enable_amp(config)
    config.randomness = dict(config.get("randomness", {}), seed=seed)
    config.val_evaluator = evaluators(config)
    _save_often(config)
    return notes


def _save_often(config: Config) -> None:
    """Write checkpoints often enough to resume, without keeping more than two."""
    hooks = config.setdefault("default_hooks", {})
    given = hooks.get("checkpoint") or dict(type="CheckpointHook")
    interval = max(1, config.train_cfg.max_iters // _CHECKPOINTS)
    hooks["checkpoint"] = dict(
        given, by_epoch=False, interval=interval, max_keep_ckpts=2, out_dir=None
    )


def evaluators(config: Config) -> list[dict]:
    """The config's evaluators of its labels, and panoptic quality beside them.

    Raises:
        SystemExit: There is no IoUMetric among them.
    """
    given = config.get("val_evaluator") or []
    given = [given] if isinstance(given, dict) else list(given)
    (iou, *_) = [x for x in given if _class_name(x) == "IoUMetric"] or [None]
    if iou is None:
        raise SystemExit(
            f"{config.filename} has no IoUMetric in val_evaluator ({given}), from "
            "which mIoU comes; add dict(type='IoUMetric', iou_metrics=['mIoU'])."
        )
    if any(_class_name(x) == "PanopticQuality" for x in given):
        return given
    void = iou.get("ignore_index", 255)
    return [*given, dict(type=f"{_OURS}PanopticQuality", ignore_index=void)]


def no_multi_scale(config: Config) -> str | None:
    """Why a config cannot be evaluated with scales and flips; None if it can."""
    rule = (config.model.get("test_cfg") or {}).get("semantic_rule", "semantic")
    if not config.get("tta_pipeline"):
        return "its config has no tta_pipeline"
    return None if rule == "semantic" else f"the {rule} rule has no scores to average"


def multi_scale(config: Config) -> Config:
    """The config that evaluates with scales and flips.

    The segmentors of this package give scores that are merged as they are; those of
    the host's heads go through a softmax first.
    """
    changed = copy.deepcopy(config)
    changed.model = launch.averaging_model(config)
    changed.val_dataloader.dataset.pipeline = config.tta_pipeline
    return changed


def describe(config: Config) -> Description:
    """Method, backbone and budget of a config."""
    return Description(
        name=Path(config.filename).stem,
        method=_method(config.model.decode_head),
        backbone=_backbone(config.model.backbone),
        crop=crop_size(config),
        batch=config.train_dataloader.batch_size,
        iterations=config.train_cfg.max_iters,
    )


def _method(head: dict) -> str:
    name = _class_name(head)
    if not head["type"].startswith(_OURS):
        return _METHODS.get(name, name.removesuffix("Head"))
    criterion = head.get("criterion", {})
    if _class_name(criterion) != "PixelCriterion":
        fixed = _class_name(criterion.get("assigner", {})) == "FixedAssigner"
        return name.removesuffix("Head") + ("-fixed" if fixed else "")
    queries = head.get("transformer_decoder", {})  # absent means the default one
    return "PerPixelBaseline" if queries is None else "PerPixelBaseline+"


def _backbone(backbone: dict) -> str:
    name = backbone.get("model_name") or _class_name(backbone)  # timm's
    if name == "SwinTransformer":
        depths = backbone.get("depths", (2, 2, 6, 2))
        size = (backbone.get("embed_dims", 96), depths[2])
        return f"Swin-{_SWIN.get(size, f'{size[0]}-{size[1]}')}"
    name += f"-{backbone['depth']}" if "depth" in backbone else ""
    width = backbone.get("base_channels", 64)
    return name if width == 64 else f"{name} ({width} channels)"


def _class_name(settings: dict) -> str:
    """The type without its scope."""
    return settings.get("type", "").rpartition(".")[2]


def crop_size(config: Config) -> tuple[int, int]:
    """Height and width of a training image.

    Raises:
        SystemExit: Neither pipeline, data set nor preprocessor says it.
    """
    dataset = config.train_dataloader.dataset
    while "dataset" in dataset:
        dataset = dataset.dataset
    crops = [x for x in dataset.get("pipeline", ()) if _class_name(x) == "RandomCrop"]
    preprocessor = config.model.get("data_preprocessor") or {}
    size = crops[0]["crop_size"] if crops else dataset.get("scene", {}).get("size")
    size = size or preprocessor.get("size") or config.get("crop_size")
    if size is None:
        raise SystemExit(
            f"{config.filename} does not say how large a training image is: neither by "
            "RandomCrop in the pipeline nor by model.data_preprocessor.size."
        )
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def check_same_data(configs: list[Config]) -> None:
    """Stop when two configs are evaluated on different data.

    What both say about their data set must be equal; paths may differ.

    Raises:
        SystemExit: It is not; the sentence says what.
    """
    first = configs[0].val_dataloader.dataset
    for config in configs[1:]:
        other = config.val_dataloader.dataset
        for key in sorted((set(first) & set(other)) - {"pipeline", *_PLACES}):
            pair = [x[key] for x in (first, other)]
            if key == "type":
                pair = [_class_name(x) for x in (first, other)]
            if pair[0] != pair[1]:
                raise SystemExit(
                    "A comparison needs one data set, but val_dataloader.dataset."
                    f"{key} is {pair[0]} in {configs[0].filename} and {pair[1]} in "
                    f"{config.filename}; compare them apart."
                )


def fingerprint(
    config: Config, keys: tuple[str, ...], without: tuple[str, ...] = _PLACES
) -> str:
    """A hash of some keys of a config, at any depth ``without`` others."""
    chosen = {key: _without(config.get(key), without) for key in keys}
    text = json.dumps(chosen, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def training_fingerprint(config: Config) -> str:
    """What a training depends on; hooks that only watch it are left out."""
    config = copy.deepcopy(config)
    hooks = config.get("custom_hooks") or []
    config.custom_hooks = [x for x in hooks if _class_name(x) not in CHECKS]
    return fingerprint(config, _TRAINING, (*_PLACES, "test_cfg"))


def evaluation_fingerprint(config: Config) -> str:
    """What an evaluation depends on, beside the weights."""
    return fingerprint(config, _EVALUATION)


def costs_fingerprint(config: Config, device: str) -> str:
    """What parameters, FLOPs, time and memory depend on."""
    keys = ("model", "train_dataloader", "val_dataloader", "optim_wrapper")
    return f"{fingerprint(config, keys)}-{device}"


def _without(value: Any, names: tuple[str, ...]) -> Any:
    """The same value without some keys, whatever their depth."""
    if isinstance(value, dict):
        return {key: _without(x, names) for key, x in value.items() if key not in names}
    if isinstance(value, list | tuple):
        return [_without(x, names) for x in value]
    return value
