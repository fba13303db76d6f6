"""Weights that several trainings begin with."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.runner import set_random_seed

from mmseg_maskformer.engine.models import set_scope


def write_initial_weights(config: Config, seed: int, path: Path) -> None:
    """Draw the weights of a config's model and write them, in the model's own names.

    The models of this package read those of the hosts' MaskFormer, too.

    Args:
        config: of either host; its pretrained backbone is read.
        seed: of the drawing.
        path: of the new file; its folder is made.
    """
    set_scope(config)
    set_random_seed(seed)
    model = MODELS.build(config.model)
    model.init_weights()
    path.parent.mkdir(parents=True, exist_ok=True)
    # torch writes the stem into the file, and the file's hash tells trainings apart
    draft = path.with_suffix(".new")
    torch.save(dict(meta={}, state_dict=model.state_dict()), draft)
    draft.replace(path)
