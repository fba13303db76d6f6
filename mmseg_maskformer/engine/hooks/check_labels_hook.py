"""The label maps that an evaluation compares with, before they are, and its void."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmseg_maskformer.checkpoints.wrappers import unwrapped
from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.core.messages import image_name, other_void
from mmseg_maskformer.core.targets import require_one_channel, with_file, wrong_labels
from mmseg_maskformer.registry import SCOPE

_IN_FLOAT32 = ("IoUMetric", "SemSegMetric")  # of mmseg and of mmdet, by torch.histc
_COUNTED = 1 << 24  # a float32 that counts stays there


class CheckLabelsHook(Hook):
    """Stops an evaluation by label maps that hold neither classes nor void.

    The hosts' metrics would count such pixels as wrong without a word. Void is what
    the metrics have as ``ignore_index``, which must be no class; metrics without it,
    data sets without ``metainfo["classes"]`` and samples without a semantic label map
    are left alone. A warning tells of images with more pixels than metrics of the hosts
    count.

    Raises:
        ValueError: A label is neither, a class is void, or a label map has colours.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the metrics of the evaluation that comes with the training."""
        if runner.val_loop is not None:
            self.before_val(runner)
            _compare_void(runner)

    def before_val(self, runner: Runner) -> None:
        """Check the metrics of evaluation."""
        _check_metrics(runner.val_loop.evaluator, "val")

    def before_test(self, runner: Runner) -> None:
        """Check the metrics of the test."""
        _check_metrics(runner.test_loop.evaluator, "test")

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


def _check_metrics(evaluator: Any, split: str) -> None:
    """Refuse a metric that does not count the pixels of a class."""
    classes = (evaluator.dataset_meta or {}).get("classes") or ()
    for metric in evaluator.metrics:
        void = _void(metric)
        if isinstance(void, int) and 0 <= void < len(classes):
            raise ValueError(
                f"{split}_evaluator has {type(metric).__name__} with ignore_index="
                f"{void}, which is class {classes[void]!r} of the {len(classes)} "
                "classes: its pixels would not count. "
                + _other_void(metric, len(classes))
            )


def _other_void(metric: Any, num_classes: int) -> str:
    """What to do about a metric whose void is a class."""
    if not hasattr(metric, "ignore_index"):
        return (
            "It takes no other: leave it out of the evaluator. "
            f"{SCOPE}.PanopticQuality has no such limit."
        )
    return other_void("metric", num_classes)


def _compare_void(runner: Runner) -> None:
    """Warn where the label of void pixels is one in training, another in evaluation."""
    head = getattr(unwrapped(runner.model), "decode_head", None)
    trained = getattr(head, "ignore_index", None)
    for metric in runner.val_loop.evaluator.metrics:
        void = _void(metric)
        if None not in (trained, void) and trained != void:
            print_log(
                f"Void is label {trained} in training (ignore_index of the head) and "
                f"{void} in evaluation ({type(metric).__name__} of val_evaluator): an "
                f"evaluation stops at a label {trained}. Set both to the label of void "
                "pixels.",
                logger="current",
                level=logging.WARNING,
            )


def _void(metric: Any) -> int | None:
    """The label that a metric leaves out; of mmdet's SemSegMetric it is fixed."""
    fixed = VOID if type(metric).__name__ == "SemSegMetric" else None
    return getattr(metric, "ignore_index", fixed)


def _check(data_batch: Any, evaluator: Any) -> None:
    num_classes = len((evaluator.dataset_meta or {}).get("classes") or ())
    voids = {_void(metric) for metric in evaluator.metrics}
    if not num_classes or voids == {None}:
        return
    samples = data_batch.get("data_samples") if isinstance(data_batch, dict) else None
    if samples and isinstance(samples[0], list | tuple):
        samples = samples[0]  # the first of several views
    for sample in samples or ():
        if "gt_sem_seg" not in sample:
            continue
        field = sample.gt_sem_seg
        labels = field.get("data", field.get("sem_seg"))  # mmdet's
        labels = torch.as_tensor(labels).long()  # in 8 bits 65535 would equal 255
        name = with_file(image_name(sample), sample.get("seg_map_path"))
        require_one_channel(labels, name)
        outside = (labels < 0) | (labels >= num_classes)
        for void in voids - {None}:
            wrong = labels[outside & (labels != void)]
            if len(wrong):
                values = wrong.unique().tolist()
                raise ValueError(wrong_labels(name, values, num_classes))
        if labels.numel() > _COUNTED and int((~outside).sum()) > _COUNTED:
            for metric in evaluator.metrics:
                _warn_of_counts(type(metric).__module__, type(metric).__name__)


@lru_cache  # once for each metric
def _warn_of_counts(module: str, name: str) -> None:
    """Warn of a host's metric of label maps, which counts in float32."""
    if name in _IN_FLOAT32 and not module.startswith(f"{SCOPE}."):
        remedy = "evaluate smaller images"
        if name == "IoUMetric":
            remedy = f"set type='{SCOPE}.IoUMetric', which counts in integers"
        print_log(
            f"An image has more than {_COUNTED} pixels with a class, and "
            f"{name} may count no more of one class (torch.histc, float32), "
            f"so that scores may be wrong: {remedy}.",
            logger="current",
            level=logging.WARNING,
        )
