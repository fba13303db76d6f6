"""The classes of a model against those of its data, before the first iteration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch.nn import ModuleList

from mmseg_maskformer.checkpoints.wrappers import unwrapped
from mmseg_maskformer.datasets.image_scales import REMEDY, scales_differ
from mmseg_maskformer.datasets.metainfo import (
    check_class_order,
    metainfo_of,
    saved_classes,
)
from mmseg_maskformer.datasets.pipeline_checks import chains, check_pipelines
from mmseg_maskformer.datasets.wrappers import leaf_datasets

_PACKAGES = ("mmdet", "mmseg", "mmseg_maskformer")  # whose metrics need classes


class CheckClassesHook(Hook):
    """Compares a model's number of classes with its data sets', and tries pipelines.

    A panoptic model (``num_things_classes``) has as many things and as much stuff; all
    classes of a data set that does not tell them apart are things. The last head of a
    segmentor and its auxiliary heads have as many ``num_classes``, if more than one.
    Data sets without ``metainfo["classes"]`` are left alone in training, and other
    models. Where training shows images at another scale than evaluation, a warning says
    it. A class has the same number in training, in evaluation and in a checkpoint that
    is evaluated or resumed.

    Raises:
        ValueError: The numbers differ, in training or in evaluation, a pipeline would
            separate image and annotation (``datasets/pipeline_checks.py``),
            training and evaluation differ in ``reduce_zero_label`` or in the number of
            a class, or stuff is listed before things.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the names of classes, unless a training begins with the weights."""
        loops = [runner._train_loop, runner._val_loop, runner._test_loop]
        built = [loop for loop in loops if isinstance(loop, BaseLoop)]
        if not built or (built[0] is runner._train_loop and not runner._resume):
            return
        saved = "the checkpoint", saved_classes(checkpoint)
        check_class_order(saved, _named_classes(built[0].dataloader.dataset))

    def before_train(self, runner: Runner) -> None:
        """Check the data of training, and of the evaluation that comes with it."""
        _check(runner, runner.train_dataloader.dataset, "train")
        if runner.val_loop is not None:
            self.before_val(runner)
            datasets = runner.train_dataloader.dataset, runner.val_dataloader.dataset
            _check_zero_labels(*datasets)
            check_class_order(*map(_named_classes, datasets))
            if text := scales_differ(*datasets):
                runner.logger.warning(f"{text} {REMEDY}")

    def before_val(self, runner: Runner) -> None:
        """Check the data of evaluation."""
        _check(runner, runner.val_dataloader.dataset, "val")
        _settle(runner, runner.val_loop, runner.val_dataloader.dataset, "val")

    def before_test(self, runner: Runner) -> None:
        """Check the data of the test."""
        _check(runner, runner.test_dataloader.dataset, "test")
        _settle(runner, runner.test_loop, runner.test_dataloader.dataset, "test")


def _settle(runner: Runner, loop: Any, dataset: Any, split: str) -> None:
    """Give metrics and visualizer of joined data sets one metainfo for the list."""
    metrics = [type(x) for x in getattr(loop.evaluator, "metrics", ())]
    known = [x.__name__ for x in metrics if x.__module__.split(".")[0] in _PACKAGES]
    if known and not metainfo_of(dataset).get("classes"):
        raise ValueError(
            f"The {split} data set {_name(dataset)} names no classes, which {known[0]} "
            "needs. Write metainfo=dict(classes=(...), palette=[...]) in it."
        )
    if isinstance(getattr(dataset, "metainfo", None), list | tuple):
        loop.evaluator.dataset_meta = metainfo_of(dataset)
        runner.visualizer.dataset_meta = metainfo_of(dataset)


def _check_zero_labels(train: Any, val: Any) -> None:
    """Refuse data sets of one class that number their labels differently."""
    trained: dict[type, dict[Any, Any]] = {}  # data sets by class and value
    for leaf, _ in chains(train):
        value = getattr(leaf, "reduce_zero_label", None)
        trained.setdefault(type(leaf), {})[value] = leaf
    for leaf, _ in chains(val):
        ours = getattr(leaf, "reduce_zero_label", None)
        others = trained.get(type(leaf))
        if others and ours not in others:
            theirs, other = next(iter(others.items()))
            raise ValueError(
                f"The train data set {_name(other)} has reduce_zero_label={theirs}, the"
                f" val data set {_name(leaf)} has {ours}: labels of one are those of "
                "the other by one more. Say the same in both."
            )


def _named_classes(dataset: Any) -> tuple[str, Sequence[str]]:
    """How messages call a data set, and its classes; none where it names none."""
    return _name(dataset), metainfo_of(dataset).get("classes") or ()


def _check(runner: Runner, dataset: Any, split: str) -> None:
    check_pipelines(dataset, evaluated=split != "train")
    check_num_classes(unwrapped(runner.model), dataset, split)


def check_num_classes(model: Any, dataset: Any, split: str) -> None:
    """Compare the classes of a model with those of its data.

    Args:
        model: or its config.
        dataset: of either host; nothing is asked of one without classes.
        split: what messages call it, "train" say.

    Raises:
        ValueError: They have other numbers, or stuff is listed before things.
    """
    metainfo = metainfo_of(dataset)
    if not metainfo.get("classes"):
        return
    if hasattr(model, "num_things_classes"):
        _check_panoptic(model, dataset, metainfo, split)
    elif hasattr(model, "decode_head"):
        _check_semantic(model, dataset, metainfo, split)


def _check_panoptic(model: Any, dataset: Any, metainfo: dict, split: str) -> None:
    things = metainfo.get("thing_classes", metainfo["classes"])
    stuff = metainfo.get("stuff_classes", ())
    given = (model.num_things_classes, getattr(model, "num_stuff_classes", 0))
    if given != (len(things), len(stuff)):
        raise ValueError(
            f"The model has num_things_classes={given[0]} and num_stuff_classes="
            f"{given[1]}, but metainfo of the {split} data set {_name(dataset)} has "
            f"{len(things)} things and {len(stuff)} stuff classes. Write "
            f"model=dict(num_things_classes={len(things)}, num_stuff_classes="
            f"{len(stuff)}), or correct thing_classes and stuff_classes of metainfo."
        )
    named = "thing_classes" in metainfo and "stuff_classes" in metainfo
    if named and [*metainfo["classes"]] != [*things, *stuff]:
        raise ValueError(
            f"metainfo['classes'] of the {split} data set {_name(dataset)} is not "
            "thing_classes followed by stuff_classes: labels of stuff would be taken "
            "for things. Put the things first, also in the categories of the file."
        )


def _check_semantic(model: Any, dataset: Any, metainfo: dict, split: str) -> None:
    heads = {"decode_head": _listed(model.decode_head)[-1]}
    auxiliary = _listed(getattr(model, "auxiliary_head", None))
    for index, head in enumerate(auxiliary):
        name = "auxiliary_head" if len(auxiliary) == 1 else f"auxiliary_head[{index}]"
        heads[name] = head
    classes = len(metainfo["classes"])
    for name, head in heads.items():
        given = getattr(head, "num_classes", 1)  # 1: of depths, or foreground alone
        if given not in (1, classes):
            wanted = f"num_classes={classes}"
            remedy = f"Write model=dict({name}=dict({wanted}))"
            if "[" in name:
                remedy = f"Set model.{name}.{wanted}"
            raise ValueError(
                f"{name} has num_classes={given}, but metainfo of the {split} data set "
                f"{_name(dataset)} has {classes} classes. {remedy}, or correct classes "
                "of metainfo."
            )


def _listed(heads: Any) -> list[Any]:
    """One head, several or none, as a list."""
    if heads is None:
        return []
    return list(heads) if isinstance(heads, ModuleList | list | tuple) else [heads]


def _name(dataset: Any) -> str:
    """File or folder of a data set's labels, of the first where several are wrapped."""
    dataset = leaf_datasets(dataset)[0]
    folders = getattr(dataset, "data_prefix", None) or {}
    file = getattr(dataset, "ann_file", "")
    return file or folders.get("seg_map_path") or type(dataset).__name__
