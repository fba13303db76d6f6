"""What the labels of the first images hold, for the log."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor

from mmseg_maskformer.core.argument_checks import check_counts
from mmseg_maskformer.core.conventions import WIDE_VOID
from mmseg_maskformer.core.messages import shown
from mmseg_maskformer.datasets.metainfo import lowered_message, metainfo_of
from mmseg_maskformer.datasets.wrappers import leaf_datasets


class SeenLabelsHook(Hook):
    """Says in the log which classes labels have at first, and how much is void.

    A warning if more than half of the pixels are void, or if one class alone occurs:
    so it looks when masks of 0 and 255 are trained on, where 255 is void, or when
    ``reduce_zero_label`` removes a class; another if with the latter the last class
    alone does not occur. Of an evaluation nothing but such warnings is said. Counts
    what the pipeline gives to the first process, its padding included, from where the
    training begins or goes on. Of panoptic and instance data it counts segments by
    class, and warns if not more than one class occurs. Samples that have neither, or a
    semantic map of MMDetection's own, and data sets without ``metainfo["classes"]`` are
    left alone.

    Args:
        images: how many to count of training, and of evaluation.
    """

    def __init__(self, images: int = 200) -> None:
        check_counts(**{"SeenLabelsHook.images": images})
        self.images = images
        self._seen: dict[str, _Seen | None] = {}  # by split; None when it was told

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Count a batch, and speak when it was the last one."""
        last = runner.iter + 1 >= runner.max_iters
        self._look("training", runner.train_dataloader, data_batch, last)

    def before_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """The same in the first evaluation."""
        last = batch_idx + 1 >= len(runner.val_dataloader)
        self._look("evaluation", runner.val_dataloader, data_batch, last)

    def before_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """The same in a test."""
        last = batch_idx + 1 >= len(runner.test_dataloader)
        self._look("test", runner.test_dataloader, data_batch, last)

    def _look(self, split: str, loader: Any, data_batch: Any, last: bool) -> None:
        seen = self._seen.setdefault(split, _Seen())
        if seen is None or not is_main_process():
            return
        for labels, of_pixels in _labels(data_batch):
            seen.images += 1
            seen.of_pixels = of_pixels
            labels = labels.flatten().long()
            outside = (labels < 0) | (labels > WIDE_VOID)
            counts = torch.where(outside, WIDE_VOID, labels).bincount()
            for label in counts.nonzero().flatten().tolist():
                seen.counts[label] = seen.counts.get(label, 0) + int(counts[label])
        if seen.images >= self.images or last:
            self._seen[split] = None
            _speak(split, seen, loader.dataset)


@dataclass
class _Seen:
    """Images that were counted, and their pixels or segments by label."""

    images: int = 0
    counts: dict[int, int] = field(default_factory=dict)
    of_pixels: bool = True


def _speak(split: str, seen: _Seen, dataset: Any) -> None:
    """Write the counts into the log; of an evaluation, if they look wrong."""
    classes = metainfo_of(dataset).get("classes")
    if not seen.images or not classes:
        return
    lowered = split != "evaluation" and _zero_is_void(dataset)  # training told it
    if seen.of_pixels:
        text, suspicious = described(seen.counts, classes, lowered)
    else:
        text, suspicious = _described_segments(seen.counts, list(classes))
    if suspicious or split == "training":
        level = logging.WARNING if suspicious else logging.INFO
        sentence = f"Labels of {seen.images} {split} images: {text}"
        print_log(sentence, logger="current", level=level)


def described(
    pixels: dict[int, int], classes: Iterable[str], zero_is_void: bool = False
) -> tuple[str, bool]:
    """What counts by label say, and whether that is suspicious.

    Args:
        pixels: of every label; what is no class is void.
        classes: names, by label.
        zero_is_void: ``reduce_zero_label`` of the data set.
    """
    names = list(classes)
    counts = [pixels.get(label, 0) for label in range(len(names))]
    unseen = [name for name, count in zip(names, counts, strict=True) if not count]
    seen = len(names) - len(unseen)
    share = 1 - sum(counts) / sum(pixels.values())
    text = (
        f"{seen} of {len(names)} classes occur, {share:.1%} of the pixels are void or "
        "padding."
    )
    if unseen:
        text += f" Not seen: {shown(unseen)}."
    suspicious = share > 0.5 or (seen <= 1 < len(names))
    if suspicious:
        text += (
            " Check the label maps: the value of a pixel is its class, from 0, and "
            "255 is void, so masks of 0 and 255 must become 0 and 1 (docs/data.md); "
            "reduce_zero_label=True makes 0 void and lowers the others by one."
        )
    if zero_is_void and (advice := lowered_message(unseen, names)):
        text += f" {advice}"
        suspicious = True
    return text, suspicious


def _described_segments(counts: dict[int, int], names: list[str]) -> tuple[str, bool]:
    """The same of segments by class."""
    unseen = [name for label, name in enumerate(names) if not counts.get(label)]
    seen = len(names) - len(unseen)
    text = f"{seen} of {len(names)} classes occur, in {sum(counts.values())} segments."
    if unseen:
        text += f" Not seen: {shown(unseen)}."
    if suspicious := seen <= min(1, len(names) - 1):
        text += " Check the categories of the annotation file against metainfo."
    return text, suspicious


def _zero_is_void(dataset: Any) -> bool:
    """Whether labels are lowered by one."""
    leaves = leaf_datasets(dataset)
    return any(getattr(leaf, "reduce_zero_label", False) for leaf in leaves)


def _labels(data_batch: Any) -> Iterator[tuple[Tensor, bool]]:
    """Labels of each image as a loader gives it, and whether of pixels or segments."""
    samples = data_batch.get("data_samples") if isinstance(data_batch, dict) else None
    for sample in samples or ():
        semantic = getattr(sample, "gt_sem_seg", None)
        objects = getattr(sample, "gt_instances", None) if semantic is None else None
        segments = getattr(sample, "gt_segments", objects)
        labels = getattr(semantic, "data", getattr(segments, "labels", None))
        if isinstance(labels, torch.Tensor):
            yield labels, hasattr(semantic, "data")
