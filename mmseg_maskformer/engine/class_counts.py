"""The classes of a model against those of its data, before the first iteration."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner


class CheckClassesHook(Hook):
    """Compares a model's numbers of things and stuff with its data sets'.

    Models without ``num_things_classes`` are left alone. All classes of a data set
    that does not tell things from stuff are things.

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
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    if not hasattr(model, "num_things_classes"):
        return
    things = dataset.metainfo.get("thing_classes", dataset.metainfo["classes"])
    stuff = dataset.metainfo.get("stuff_classes", ())
    given = (model.num_things_classes, model.num_stuff_classes)
    if given != (len(things), len(stuff)):
        name = _name(dataset)
        raise ValueError(
            f"The model has num_things_classes={given[0]} and num_stuff_classes="
            f"{given[1]}, but metainfo of the {split} data set {name} has "
            f"{len(things)} things and {len(stuff)} stuff classes. Write "
            f"model=dict(num_things_classes={len(things)}, num_stuff_classes="
            f"{len(stuff)}), or correct thing_classes and stuff_classes of metainfo."
        )


def _name(dataset: Any) -> str:
    """The annotation file of a data set, of the first one where several are wrapped."""
    while inner := getattr(dataset, "dataset", None) or getattr(
        dataset, "datasets", None
    ):
        dataset = inner[0] if isinstance(inner, list) else inner
    return getattr(dataset, "ann_file", "") or type(dataset).__name__
