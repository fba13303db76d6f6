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
    """Says in the log which classes label maps have at first, and how much is void.

    A warning if more than half of the pixels are void, or if one class alone occurs:
    so it looks when masks of 0 and 255 are trained on, where 255 is void, or when
    ``reduce_zero_label`` removes a class; another if with the latter the last class
    alone does not occur. Of an evaluation nothing but such warnings is said. Counts
    what the pipeline gives to the first process, its padding included, from where the
    training begins or goes on; samples without a semantic label map and data sets
    without ``metainfo["classes"]`` are left alone.

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
        for labels in _label_maps(data_batch):
            seen.images += 1
            labels = labels.flatten().long()
            outside = (labels < 0) | (labels > WIDE_VOID)
            counts = torch.where(outside, WIDE_VOID, labels).bincount()
            for label in counts.nonzero().flatten().tolist():
                seen.pixels[label] = seen.pixels.get(label, 0) + int(counts[label])
        if seen.images >= self.images or last:
            self._seen[split] = None
            _speak(split, seen, loader.dataset)


@dataclass
class _Seen:
    """Images that were counted, and their pixels by label."""

    images: int = 0
    pixels: dict[int, int] = field(default_factory=dict)


def _speak(split: str, seen: _Seen, dataset: Any) -> None:
    """Write the counts into the log; of an evaluation, if they look wrong."""
    classes = metainfo_of(dataset).get("classes")
    if not seen.images or not classes:
        return
    lowered = split != "evaluation" and _zero_is_void(dataset)  # training told it
    text, suspicious = described(seen.pixels, classes, lowered)
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
            "255 is void, so masks of 0 and 255 must become 0 and 1; "
            "reduce_zero_label=True makes 0 void and lowers the others by one."
        )
    if zero_is_void and (advice := lowered_message(unseen, names)):
        text += f" {advice}"
        suspicious = True
    return text, suspicious


def _zero_is_void(dataset: Any) -> bool:
    """Whether labels are lowered by one."""
    leaves = leaf_datasets(dataset)
    return any(getattr(leaf, "reduce_zero_label", False) for leaf in leaves)


def _label_maps(data_batch: Any) -> Iterator[Tensor]:
    """The semantic label maps of a batch as a loader gives it."""
    samples = data_batch.get("data_samples") if isinstance(data_batch, dict) else None
    for sample in samples or ():
        labels = getattr(getattr(sample, "gt_sem_seg", None), "data", None)
        if isinstance(labels, torch.Tensor):
            yield labels
