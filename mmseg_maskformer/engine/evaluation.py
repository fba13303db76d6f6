"""What an evaluation leaves out of the config of a training, and asks of it."""

from __future__ import annotations

from mmengine.config import Config

_NOT_SEMANTIC = ("CocoMetric", "CocoPanopticMetric", "PanopticQuality", "ThingAP")
_OF_TRAINING = ("EMAHook", "EarlyStoppingHook")


def leave_training_hooks(config: Config) -> None:
    """Take away the hooks that only a training has a use for.

    A checkpoint has the average where its weights are, and mmengine's EarlyStoppingHook
    would read the training data.

    Args:
        config: changed in place.
    """
    config.custom_hooks = [
        x
        for x in config.get("custom_hooks") or []
        if str(x["type"]).rpartition(".")[2] not in _OF_TRAINING
    ]


def require_semantic_metrics(config: Config) -> None:
    """Stop where a metric would ask for what the mean over views lacks.

    Raises:
        SystemExit: A panoptic or instance metric is among those of the test.
    """
    if not config.model.type.endswith("MaskFormerDetector"):
        return
    evaluators = config.test_evaluator
    evaluators = evaluators if isinstance(evaluators, list) else [evaluators]
    names = [evaluator["type"].rpartition(".")[2] for evaluator in evaluators]
    others = [name for name in names if name in _NOT_SEMANTIC]
    if others:
        raise SystemExit(
            f"--tta averages semantic maps only, and test_evaluator of "
            f"{config.filename} has {', '.join(others)}. Evaluate with SemSegMetric "
            "alone: test_evaluator=[dict(type='SemSegMetric', iou_metrics=['mIoU'])]."
        )
