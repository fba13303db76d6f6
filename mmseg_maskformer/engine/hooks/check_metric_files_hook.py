"""The annotation files of metrics, before the first iteration."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner


class CheckMetricFilesHook(Hook):
    """Compares the files that metrics read with the data that are evaluated.

    Each metric is checked once, before training and before evaluation, so that a config
    which keeps the file of its base stops at once.

    Raises:
        ValueError: The file is that of other data, or cannot be evaluated.
    """

    def __init__(self) -> None:
        self._checked: list[Any] = []

    def before_train(self, runner: Runner) -> None:
        """Check the evaluation that comes with training."""
        if runner.val_loop is not None:
            self.before_val(runner)

    def before_val(self, runner: Runner) -> None:
        """Check the metrics of evaluation."""
        self._check(runner.val_evaluator, runner.val_dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Check the metrics of the test."""
        self._check(runner.test_evaluator, runner.test_dataloader.dataset)

    def _check(self, evaluator: Any, dataset: Any) -> None:
        for metric in evaluator.metrics:
            if any(metric is known for known in self._checked):
                continue
            self._checked.append(metric)
            if hasattr(metric, "_coco_api"):  # then mmdet is there
                from mmseg_maskformer.metrics.truth_files import check_truth

                check_truth(metric, dataset)
