"""The model of a config, with or without trained weights."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from mmengine.device import get_device
from mmengine.model import BaseModel, revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import load_checkpoint

from mmseg_maskformer.checkpoints.loading import require_fit
from mmseg_maskformer.datasets.metainfo import check_class_order, saved_classes

from .arguments import require_checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmengine.config import Config


def set_scope(config: Config) -> None:
    """Let the names of a config be those of its host."""
    init_default_scope(config.get("default_scope") or "mmseg")


def untrained_model(config: Config) -> BaseModel:
    """The model of a config of either host; nothing is downloaded."""
    set_scope(config)
    settings = copy.deepcopy(config.model)
    backbone = settings.get("backbone", {})  # some models have other parts
    if backbone.get("pretrained") is True:  # timm would download
        backbone["pretrained"] = False
    return revert_sync_batchnorm(MODELS.build(settings))


def trained_model(config: Config, checkpoint: str, device: str = "") -> BaseModel:
    """The model of a config of either host with its weights; on a GPU if there is one.

    Its ``dataset_meta`` has the ``classes`` that the file names, if it names any.

    Raises:
        ValueError: The weights do not fit it.
    """
    require_checkpoint(checkpoint)
    model = untrained_model(config)
    require_fit(model, checkpoint, config.filename)
    loaded = load_checkpoint(model, checkpoint, map_location="cpu")
    model.dataset_meta = dict(classes=saved_classes(loaded))
    return model.to(device or get_device())


def require_class_order(model: BaseModel, classes: Sequence[str], name: str) -> None:
    """Refuse a trained model whose classes have other numbers than data.

    Args:
        model: from :func:`trained_model`.
        classes: of the data that its results are named by; none where nobody knows.
        name: of the config, for messages.

    Raises:
        ValueError: A class has another number in the model's checkpoint.
    """
    saved = model.dataset_meta["classes"]
    check_class_order(("the checkpoint", saved), (name, classes))
