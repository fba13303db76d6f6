"""A training that begins with the weights of a model of other classes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmseg_maskformer.checkpoints.finetune import begin_with
from mmseg_maskformer.checkpoints.wrappers import unwrapped
from mmseg_maskformer.datasets.metainfo import metainfo_of, saved_classes

from .arguments import require_checkpoint


def finetune(config: Config, checkpoint: str) -> None:
    """Let a training begin with a checkpoint; a :class:`FinetuneHook` watches it.

    The backbone's own file is not read: the checkpoint brings these weights, too.

    Args:
        config: changed in place.
        checkpoint: a file of any layout, or an address.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The config begins or goes on with another.
    """
    require_checkpoint(checkpoint)
    if config.get("resume"):
        raise ValueError(
            f"{config.filename} has resume=True, which goes on with a training, and "
            "--finetune begins one; leave one of them out."
        )
    if (given := config.get("load_from")) not in (None, checkpoint):
        raise ValueError(
            f"{config.filename} has load_from={given!r}, and --finetune names "
            f"{checkpoint}; leave one of them out (--cfg-options load_from=None)."
        )
    config.load_from = checkpoint
    backbone = config.model.get("backbone", {})  # the hook refuses models without
    for key in ("init_cfg", "pretrained"):
        if given := backbone.get(key):
            backbone[key] = False if given is True else None  # timm's is a switch


class FinetuneHook(Hook):
    """Loads everything of ``load_from`` but what belongs to other classes.

    The classifier is loaded if the file names the classes of the training data, in
    their order. The log says what is loaded and what is not; with
    ``log_level="DEBUG"`` by name and shape.

    Args:
        checkpoint: its path, for messages.

    Raises:
        ValueError: The model is not of this package, or the file is that of another
            one.
    """

    priority = "VERY_HIGH"  # EMAHook takes over what is left of the checkpoint

    def __init__(self, checkpoint: str) -> None:
        self.checkpoint = checkpoint

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Replace the tensors of the file by those that the model shall have."""
        model = unwrapped(runner.model)
        if not hasattr(model, "weights_misfit"):
            raise ValueError(
                f"--finetune knows the parts of this package's models, and "
                f"{type(model).__name__} is another; name the file in load_from."
            )
        weights = checkpoint["state_dict"]
        classes = metainfo_of(runner.train_dataloader.dataset).get("classes")
        others = _other_classes(saved_classes(checkpoint), classes)
        try:
            found = begin_with(model, weights, others)
        except ValueError as error:
            raise ValueError(f"--finetune {self.checkpoint}: {error}") from error
        print_log(f"--finetune {self.checkpoint}: {found}", logger="current")
        names = "\n".join(f"  {x} {tuple(weights[x].shape)}" for x in found.loaded)
        print_log(f"Loaded:\n{names}", logger="current", level=logging.DEBUG)


def _other_classes(named: Sequence[str], classes: Any) -> str:
    """Why a file's classes are not those of the data; "" where they are."""
    if not named:
        return "the file names no classes"
    if list(named) == list(classes or ()):
        return ""
    return "the classes have other names or another order in the file"
