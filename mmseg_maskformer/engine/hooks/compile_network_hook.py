"""``compile=True`` of a config, for the networks of this package."""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from mmseg_maskformer.checkpoints.wrappers import unwrapped


class CompileNetworkHook(Hook):
    """Compiles the network where the config has ``compile``, and not the whole step.

    mmengine compiles ``train_step``: loading's strings, the matching by SciPy and the
    optimizer are no code for it, or another code for every image. Of a model of this
    package the backbone, the neck and the network of the head are compiled, while it
    trains; evaluation stays as it is. Other models are left to mmengine.
    """

    def __init__(self) -> None:
        self._compiled: list[nn.Module] = []

    def before_train(self, runner: Runner) -> None:
        """Put compiled parts in the place of the compiled step."""
        asked = runner.cfg.get("compile") or getattr(runner, "_compile", False)
        model = unwrapped(runner.model)
        network = getattr(getattr(model, "decode_head", None), "network", None)
        if not asked or network is None:
            return
        settings = {} if asked is True else dict(asked)
        vars(runner.model).pop(settings.pop("target", "train_step"), None)
        self._compiled = [model.backbone, network]
        if getattr(model, "neck", None) is not None:
            self._compiled.append(model.neck)
        for part in self._compiled:
            part.forward = _compiled_in_training(part, settings)

    def after_train(self, runner: Runner) -> None:
        """Leave the model as it was."""
        for part in self._compiled:
            del part.forward
        self._compiled = []


def _compiled_in_training(part: nn.Module, settings: dict) -> MethodType:
    """The forward pass of a part, compiled when it is called in training.

    There gradients are on, also where the part is frozen and so in evaluation. A
    method, which a deep copy binds to the copy.
    """
    eager = type(part).forward
    compiled = torch.compile(eager, **settings)

    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return (compiled if torch.is_grad_enabled() else eager)(self, *args, **kwargs)

    return MethodType(forward, part)
