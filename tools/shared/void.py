"""The label of void pixels that a model was trained with."""

from __future__ import annotations

from mmengine.config import Config

from mmseg_maskformer.core.conventions import VOID


def void_of(config: Config) -> dict[str, int]:
    """``ignore_index`` for metrics of a config's results: that of the head, or 255."""
    head = config.model.get("decode_head") or {}
    head = head[-1] if isinstance(head, list) else head
    return dict(ignore_index=head.get("ignore_index", VOID))
