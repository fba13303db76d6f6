"""Weights of a backbone of timm, from its hub or a file, none of them left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import timm
from mmengine.logging import print_log
from torch import Tensor, nn

from mmseg_maskformer.checkpoints.files import read_checkpoint
from mmseg_maskformer.core.messages import shown

HUB = "timm"


class TimmWeights:
    """Initialises the host's ``TIMMBackbone``: ``init_cfg`` of the backbone.

    Where timm leaves out silently what does not fit a model with ``features_only``,
    here every tensor of the model must be in the file, and every one of the file in
    the model, but for the layers after the last feature map. A model that is built to
    load a checkpoint reads nothing.

    Args:
        source: "timm" for its hub, otherwise the path of a file in timm's names.
        dropped: layers of the file that a model of features lacks.

    Raises:
        OSError: The hub does not give them.
        ValueError: Names or shapes differ.
    """

    def __init__(
        self,
        source: str = HUB,
        dropped: Sequence[str] = ("conv_head", "bn2", "classifier"),
    ) -> None:
        self.source = source
        self.dropped = tuple(dropped)

    def __call__(self, backbone: Any) -> None:
        """Fill a backbone; it has the model in ``timm_model``."""
        model = backbone.timm_model
        found = self._weights(model)
        kept = {k: x for k, x in found.items() if k.split(".")[0] not in self.dropped}
        _require_equal(model, kept, self.source)
        model.load_state_dict(kept)
        model.is_init = True  # the host would begin again with the model's own
        print_log(
            f"{len(kept)} tensors of the backbone are those of {self.source}, "
            f"{len(found) - len(kept)} after its last feature map are left out.",
            logger="current",
        )

    def _weights(self, model: Any) -> dict[str, Tensor]:
        if self.source != HUB:
            return read_checkpoint(self.source)
        settings = model.pretrained_cfg
        name = ".".join(filter(None, (settings["architecture"], settings.get("tag"))))
        try:
            return timm.create_model(name, pretrained=True).state_dict()
        except Exception as error:  # of the hub, of one of several clients
            raise OSError(
                f"The weights of {name} do not come from timm's hub: {error}. Without "
                "a network, set backbone_weights of the config, or the variable "
                "MASKFORMER_BACKBONE where it reads that, to a file of them "
                f"(/path/to/{name}.safetensors); elsewhere init_cfg.source of the "
                "backbone."
            ) from error


def _require_equal(model: nn.Module, found: dict[str, Tensor], source: str) -> None:
    """Stop where names or shapes of a file and a model differ."""
    wanted = model.state_dict()
    differences = {
        "lacks": sorted(wanted.keys() - found.keys()),
        "has besides": sorted(found.keys() - wanted.keys()),
        "has in another shape": sorted(
            f"{k} {tuple(found[k].shape)} instead of {tuple(wanted[k].shape)}"
            for k in wanted.keys() & found.keys()
            if found[k].shape != wanted[k].shape
        ),
    }
    for how, names in differences.items():
        if names:
            raise ValueError(
                f"{source} {how} {len(names)} of the {len(wanted)} tensors of "
                f"{type(model).__name__}: {shown(names)}. Give init_cfg.source of the "
                "backbone a file of this model in timm's names, and name in dropped "
                "what comes after the last feature map."
            )
