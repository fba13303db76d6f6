"""Painting of predictions, by the hook of whichever host a config is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.registry import HOOKS, DefaultScope
from mmengine.runner import Runner

_OF_SCOPE = {"mmseg": "SegVisualizationHook", "mmdet": "DetVisualizationHook"}


class VisualizationHook(Hook):
    """Paints or shows predictions, by the hook that the default scope's host has.

    It lets one schedule serve both hosts, whose own ``tools/test.py --show-dir`` look
    for such a hook and switch ``draw`` on.

    Args:
        draw: whether to do anything.
        kwargs: of the host's hook: ``interval``, ``show``, ``wait_time``, ...

    Raises:
        ValueError: The default scope is of neither host.
    """

    def __init__(self, draw: bool = False, **kwargs: Any) -> None:
        self.painter = Hook()
        if not draw:
            return
        current = DefaultScope.get_current_instance()
        scope = current.scope_name if current else None
        if scope not in _OF_SCOPE:
            raise ValueError(
                f"Painting predictions needs default_scope 'mmseg' or 'mmdet' in the "
                f"config, which has {scope!r}."
            )
        kind = f"{scope}.{_OF_SCOPE[scope]}"
        self.painter = HOOKS.build(dict(type=kind, draw=True, **kwargs))

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Paint of a batch of validation what the host's hook paints."""
        self.painter.after_val_iter(runner, batch_idx, data_batch, outputs)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Paint a batch of the test."""
        self.painter.after_test_iter(runner, batch_idx, data_batch, outputs)
