"""Learning rate by place in the model, weight decay by the type of a module."""

from __future__ import annotations

import logging
from inspect import signature
from typing import TYPE_CHECKING, Any

from mmengine.logging import print_log
from mmengine.optim import DefaultOptimWrapperConstructor
from mmengine.registry import OPTIMIZERS
from torch import nn

from mmseg_maskformer.core.argument_checks import check_not_negative

if TYPE_CHECKING:
    from collections.abc import Iterator

NORM_TYPES = (
    nn.modules.batchnorm._NormBase,  # batch, synchronised batch and instance norms
    nn.GroupNorm,
    nn.LayerNorm,
)
# Position tables are bare parameters of window attention and of vision transformers;
# the name is all there is to know them by. The hosts and timm agree on these.
POSITION_TABLES = frozenset(
    {"relative_position_bias_table", "absolute_pos_embed", "pos_embed"}
)


class ModulewiseOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Build the optimizer of MaskFormer's recipes.

    Parameters of ``model.backbone`` train with ``lr * backbone_lr_mult``. Norm layers,
    embedding tables and position tables are not decayed; everything else is, biases
    included. Frozen parameters are left out. Parameters of equal settings share a
    group, so that the optimizer can update them together. A multiplier of 0 is a
    warning: it does not freeze batch norm.

    Args:
        optim_wrapper_cfg: The ``optim_wrapper`` of a config, ``optimizer.lr`` in it.
        paramwise_cfg: ``backbone_lr_mult`` (default 1) or nothing.
    """

    base_wd: float  # what the host reads from the optimizer

    def __init__(
        self,
        optim_wrapper_cfg: dict[str, Any],
        paramwise_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            optim_wrapper_cfg, {"backbone_lr_mult": 1.0, **(paramwise_cfg or {})}
        )
        unknown = sorted(set(self.paramwise_cfg) - {"backbone_lr_mult"})
        if unknown:
            raise ValueError(
                f"paramwise_cfg has unknown keys {unknown}: "
                "ModulewiseOptimWrapperConstructor takes only backbone_lr_mult."
            )
        self.backbone_lr_mult = self.paramwise_cfg["backbone_lr_mult"]
        if self.base_wd is None:
            self.base_wd = _default_decay(self.optimizer_cfg["type"])
        numbers = {
            "paramwise_cfg.backbone_lr_mult": self.backbone_lr_mult,
            "optimizer.lr": self.base_lr,
            "optimizer.weight_decay": self.base_wd,
        }
        check_not_negative(**numbers)

    def add_params(
        self,
        params: list[dict[str, Any]],
        module: nn.Module,
        prefix: str = "",
        is_dcn_module: float | None = None,
    ) -> None:
        """Append the parameter groups of the model ``module`` to ``params``."""
        if self.backbone_lr_mult != 1 and not hasattr(module, "backbone"):
            raise ValueError(
                f"backbone_lr_mult is {self.backbone_lr_mult}, but "
                f"{type(module).__name__} has no attribute 'backbone'."
            )
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, owner, parameter in _trainable_parameters(module):
            if name.endswith("_flat_param"):
                raise ValueError(
                    "FSDP has joined parameters that train with different settings; "
                    "leave use_orig_params out of strategy.model_wrapper, or set it "
                    "to True."
                )
            in_backbone = name.startswith("backbone.")
            lr = self.base_lr * (self.backbone_lr_mult if in_backbone else 1)
            decay = self.base_wd if _is_decayed(owner, name) else 0.0
            groups.setdefault((lr, decay), []).append(parameter)
        if any(lr == 0 < self.base_lr for lr, _ in groups):
            print_log(
                "backbone_lr_mult=0 does not freeze dropout and the statistics of "
                "batch norm, where the backbone trains with them. To freeze all of "
                'it, begin a training with model=dict(frozen=("backbone",)).',
                logger="current",
                level=logging.WARNING,
            )
        params.extend(
            {"params": parameters, "lr": lr, "weight_decay": decay}
            for (lr, decay), parameters in groups.items()
        )


def _default_decay(kind: str | type) -> float:
    """The weight decay of an optimizer's class where a config names none."""
    found = kind if isinstance(kind, type) else OPTIMIZERS.get(kind)
    parameter = found and signature(found).parameters.get("weight_decay")
    return parameter.default if parameter else 0.0


def _trainable_parameters(
    model: nn.Module,
) -> Iterator[tuple[str, nn.Module, nn.Parameter]]:
    """Yield (full name, owning module, parameter), each parameter once."""
    seen: set[nn.Parameter] = set()
    for prefix, owner in model.named_modules():
        for name, parameter in owner.named_parameters(prefix, recurse=False):
            if parameter.requires_grad and parameter not in seen:
                seen.add(parameter)
                yield name, owner, parameter


def _is_decayed(owner: nn.Module, name: str) -> bool:
    """Say whether weight decay applies to the parameter ``name`` of ``owner``."""
    # mmcv's SyncBatchNorm and timm's RmsNorm have no base class in common with torch's.
    is_norm = isinstance(owner, NORM_TYPES) or "Norm" in type(owner).__name__
    is_embedding = isinstance(owner, nn.Embedding)
    return not (is_norm or is_embedding or name.split(".")[-1] in POSITION_TABLES)
