"""The label maps that an evaluation compares with, before they are."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmseg_maskformer.core.structures import wrong_labels


class CheckLabelsHook(Hook):
    """Stops an evaluation by label maps that hold neither classes nor void.

    The hosts' metrics would count such pixels as wrong without a word. Void is what
    the metrics have as ``ignore_index``; metrics without it, data sets without
    ``metainfo["classes"]`` and samples without a semantic label map are left alone.

    Raises:
        ValueError: A label is neither.
    """

    def before_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Check a batch of evaluation."""
        _check(data_batch, runner.val_loop.evaluator)

    def before_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Check a batch of the test."""
        _check(data_batch, runner.test_loop.evaluator)


def _check(data_batch: Any, evaluator: Any) -> None:
    num_classes = len((evaluator.dataset_meta or {}).get("classes") or ())
    voids = {getattr(metric, "ignore_index", None) for metric in evaluator.metrics}
    if not num_classes or voids == {None}:
        return
    samples = data_batch.get("data_samples") if isinstance(data_batch, dict) else None
    if samples and isinstance(samples[0], list | tuple):
        samples = samples[0]  # the first of several views
    for sample in samples or ():
        if "gt_sem_seg" not in sample:
            continue
        field = sample.gt_sem_seg
        labels = torch.as_tensor(field.get("data", field.get("sem_seg")))  # mmdet's
        outside = (labels < 0) | (labels >= num_classes)
        for void in voids - {None}:
            wrong = labels[outside & (labels != void)]
            if len(wrong):
                values = wrong.unique().tolist()
                name = sample.get("img_path", "an unnamed image")
                raise ValueError(wrong_labels(name, values, num_classes))
