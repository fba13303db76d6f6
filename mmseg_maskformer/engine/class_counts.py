"""The classes of a model against those of its data, before the first iteration."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.nn import ModuleList


class CheckClassesHook(Hook):
    """Compares a model's number of classes with its data sets'.

    A panoptic model (``num_things_classes``) has as many things and as much stuff; all
    classes of a data set that does not tell them apart are things. The last head of a
    segmentor and its auxiliary heads have as many ``num_classes``, if more than one.
    Data sets without ``metainfo["classes"]`` and other models are left alone.

    Raises:
        ValueError: The numbers differ, in training or in evaluation.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the data of training, and of the evaluation that comes with it."""
        _check(runner, runner.train_dataloader.dataset, "train")
        if runner.val_loop is not None:
            self.before_val(runner)

    def before_val(self, runner: Runner) -> None:
        """Check the data of evaluation."""
        _check(runner, runner.val_dataloader.dataset, "val")

    def before_test(self, runner: Runner) -> None:
        """Check the data of the test."""
        _check(runner, runner.test_dataloader.dataset, "test")


def _check(runner: Runner, dataset: Any, split: str) -> None:
    if not (getattr(dataset, "metainfo", None) or {}).get("classes"):
        return
    model = runner.model
    while hasattr(model, "module"):  # of several processes, of several views
        model = model.module
    if hasattr(model, "num_things_classes"):
        _check_panoptic(model, dataset, split)
    elif hasattr(model, "decode_head"):
        _check_semantic(model, dataset, split)


def _check_panoptic(model: Any, dataset: Any, split: str) -> None:
    things = dataset.metainfo.get("thing_classes", dataset.metainfo["classes"])
    stuff = dataset.metainfo.get("stuff_classes", ())
    given = (model.num_things_classes, model.num_stuff_classes)
    if given != (len(things), len(stuff)):
        raise ValueError(
            f"The model has num_things_classes={given[0]} and num_stuff_classes="
            f"{given[1]}, but metainfo of the {split} data set {_name(dataset)} has "
            f"{len(things)} things and {len(stuff)} stuff classes. Write "
            f"model=dict(num_things_classes={len(things)}, num_stuff_classes="
            f"{len(stuff)}), or correct thing_classes and stuff_classes of metainfo."
        )


def _check_semantic(model: Any, dataset: Any, split: str) -> None:
    heads = {"decode_head": _listed(model.decode_head)[-1]}
    auxiliary = _listed(getattr(model, "auxiliary_head", None))
    for index, head in enumerate(auxiliary):
        name = "auxiliary_head" if len(auxiliary) == 1 else f"auxiliary_head[{index}]"
        heads[name] = head
    classes = len(dataset.metainfo["classes"])
    for name, head in heads.items():
        given = getattr(head, "num_classes", 1)  # 1: of depths, or foreground alone
        if given not in (1, classes):
            raise ValueError(
                f"{name} has num_classes={given}, but metainfo of the {split} data set "
                f"{_name(dataset)} has {classes} classes. Write model=dict("
                f"{name}=dict(num_classes={classes})), or correct classes of metainfo."
            )


def _listed(heads: Any) -> list[Any]:
    """One head, several or none, as a list."""
    if heads is None:
        return []
    return list(heads) if isinstance(heads, ModuleList | list | tuple) else [heads]


def _name(dataset: Any) -> str:
    """File or folder of a data set's labels, of the first where several are wrapped."""
    while inner := getattr(dataset, "dataset", None) or getattr(
        dataset, "datasets", None
    ):
        dataset = inner[0] if isinstance(inner, list) else inner
    folders = getattr(dataset, "data_prefix", None) or {}
    file = getattr(dataset, "ann_file", "")
    return file or folders.get("seg_map_path") or type(dataset).__name__
