"""A trained model whose queries can be looked at, and the images to look at."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from mmengine.registry import DATASETS

from mmseg_maskformer.adapters.head import PredictionHead
from mmseg_maskformer.datasets.metainfo import metainfo_of
from mmseg_maskformer.datasets.wrappers import leaf_configs
from mmseg_maskformer.engine.config_files import read_config
from mmseg_maskformer.engine.evaluation import loader_of
from mmseg_maskformer.engine.models import require_class_order, trained_model
from mmseg_maskformer.registry import type_name

from .analysis import QueryError


class Trained(NamedTuple):
    """A model and the images that it is evaluated on."""

    model: Any
    dataset: Any

    @property
    def metainfo(self) -> dict[str, Any]:
        """That of the images, of joined ones too."""
        return metainfo_of(self.dataset)


def load(
    config_file: str, checkpoint: str, overrides: dict, masks: bool = False
) -> Trained:
    """The trained model of a config of either host, and its validation set.

    With ``masks`` samples of instances have the masks of their objects.
    """
    config = read_config(config_file, overrides)
    dataset = loader_of(config, "val").dataset
    if masks:
        load_masks(dataset)
    model = trained_model(config, checkpoint)
    require_head(model, config_file)
    trained = Trained(model, DATASETS.build(dataset))
    require_class_order(model, trained.metainfo["classes"], config_file)
    return trained


def require_head(model: torch.nn.Module, config_file: str) -> None:
    """Refuse a model that has no head of this package.

    Raises:
        QueryError: It has none.
    """
    if not isinstance(getattr(model, "decode_head", None), PredictionHead):
        raise QueryError(
            f"{type(model).__name__} of {config_file} has no head of this package, "
            "whose queries could be looked at; give a config of MaskFormerSegmentor or "
            "MaskFormerDetector."
        )


def load_masks(dataset: dict) -> None:
    """Let the pipeline of a data set of instances load their masks beside the boxes."""
    for leaf in leaf_configs(dataset):
        for step in leaf.get("pipeline", ()):
            if type_name(step) == "LoadAnnotations" and "with_bbox" in step:
                step["with_mask"] = True
