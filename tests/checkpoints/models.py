"""Models of ours and of the peers, small or as shipped, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import Tensor, nn

from tests.weights import randomise as randomise

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def ours(
    config: str = "maskformer_r50_8xb2-160k_ade20k-512x512", **changes: Any
) -> nn.Module:
    """A model of ours by the name of its config; `changes` go into `model`."""
    init_default_scope("mmseg")
    changes = {f"model.{name}": x for name, x in changes.items()}
    return MODELS.build(settings(config, **changes).model).eval()


def settings(config: str, **changes: Any) -> Config:
    """A config of ours by its name; `changes` go into it."""
    (path,) = CONFIGS.rglob(f"{config}.py")
    found = Config.fromfile(path)
    found.merge_from_dict(changes)
    found.model.backbone.init_cfg = None
    return found


def odd_image(seed: int = 0) -> Tensor:
    """One normalised image whose sides no stride divides."""
    return torch.randn(1, 3, 75, 107, generator=torch.Generator().manual_seed(seed))
