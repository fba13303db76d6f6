"""The checks that every run has, whatever ``custom_hooks`` its config lists.

mmengine replaces a list of a base config by that of its child, so checks that stand in
``custom_hooks`` are lost when a user adds a hook. Importing this module lets the
runners of this process, ``Runner`` and ``FlexibleRunner``, add them before each run. It
is imported when a model of this package is built, and by ``default_runtime.py``.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import FlexibleRunner, Runner

from mmseg_maskformer.registry import HOOKS

CHECKS = (
    "CheckResumedHook",
    "CheckScheduleHook",
    "CheckClassesHook",
    "CheckLossHook",
    "CheckLabelsHook",
    "CheckMetricFilesHook",
    "SeenLabelsHook",
    # These check nothing, but have to be there as well.
    "CompileNetworkHook",
    "RankSeedHook",
    "AverageNormsHook",
)


def add_checks(runner: Runner | FlexibleRunner) -> None:
    """Give a runner every check once.

    A check that the config lists itself, for other arguments, is kept as it is; of
    several of one kind the last.
    """
    hooks: list[Hook] = runner.hooks
    for name in CHECKS:
        same = [hook for hook in hooks if type(hook) is HOOKS.get(name)]
        for hook in same[:-1]:
            hooks.remove(hook)
        if not same:
            runner.register_hook(dict(type=f"mmseg_maskformer.{name}"))


def _watch(runner_class: Any) -> None:
    """Let runners of a class add the checks before the first of them is due."""
    host = runner_class.call_hook

    @wraps(host)
    def call_hook(runner: Runner | FlexibleRunner, fn_name: str, **kwargs: Any) -> None:
        # FlexibleRunner loads a checkpoint before its run begins, Runner afterwards
        if fn_name in ("before_run", "after_load_checkpoint"):
            add_checks(runner)
        host(runner, fn_name, **kwargs)

    runner_class.call_hook = call_hook


# A module is imported once, so no runner is watched twice.
for _runner_class in (Runner, FlexibleRunner):
    _watch(_runner_class)
