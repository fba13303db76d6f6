"""Data sets without labels, as those of test servers: predicted, not evaluated."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config
from mmengine.registry import TRANSFORMS

from mmseg_maskformer.datasets.pipeline_steps import loads_annotations
from mmseg_maskformer.datasets.wrappers import leaf_datasets
from mmseg_maskformer.engine.models import set_scope


def evaluate_nothing(config: Config) -> None:
    """Let a test predict only: no metrics, and no labels in its pipeline.

    Args:
        config: changed in place.
    """
    set_scope(config)
    config.test_evaluator = []
    loader = config.test_dataloader
    loader.dataset = without_labels(loader.dataset.to_dict())


def require_labels(dataset: Any, name: str) -> None:
    """Stop before a data set is evaluated that says itself that it has no labels.

    Args:
        dataset: of either host.
        name: of the config, for the message.

    Raises:
        ValueError: It is a file of images alone in COCO's format, or a set of label
            maps without ``data_prefix.seg_map_path``.
    """
    if not all(_labelled(leaf) for leaf in leaf_datasets(dataset)):
        raise ValueError(
            f"test_dataloader.dataset of {name} has no labels, so that nothing can be "
            "evaluated. --out FOLDER --format-only writes the results."
        )


def _labelled(leaf: Any) -> bool:
    """Whether a data set names labels; one that says nothing of them may have some."""
    first = leaf.get_data_info(0)
    if hasattr(leaf, "reduce_zero_label"):  # a set of label maps
        return bool({"seg_map_path", "gt_seg_map"} & first.keys())
    kinds = {"instances", "segments_info"} & first.keys()
    infos = map(leaf.get_data_info, range(len(leaf)))
    return not kinds or any(info.get(kind) for info in infos for kind in kinds)


def without_labels(part: Any) -> Any:
    """A part of a config of the default scope without the steps that load labels.

    The alternatives of a step of TestTimeAug are a list, which leaves with its step.
    """
    if isinstance(part, dict):
        return {key: without_labels(value) for key, value in part.items()}
    if not isinstance(part, list | tuple):
        return part
    pairs = [(x, without_labels(x)) for x in part if not _loads_labels(x)]
    emptied = [old and isinstance(old, list) and not new for old, new in pairs]
    kept = [new for (_, new), gone in zip(pairs, emptied, strict=True) if not gone]
    return tuple(kept) if isinstance(part, tuple) else kept  # sizes are tuples


def _loads_labels(part: Any) -> bool:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(kind, str):
        with TRANSFORMS.switch_scope_and_registry(part.get("_scope_")) as registry:
            kind = registry.get(kind)
    return isinstance(kind, type) and loads_annotations(kind)
