"""What an evaluation changes in the config of a training, and asks of it."""

from __future__ import annotations

from mmengine.config import Config, ConfigDict

from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.datasets.wrappers import leaf_configs
from mmseg_maskformer.registry import SCOPE, is_ours, type_name

_NOT_SEMANTIC = (
    "CocoMetric",
    "CocoPanopticMetric",
    "PanopticErrors",
    "PanopticQuality",
    "ThingAP",
)
_OF_TRAINING = ("EMAHook", "EarlyStoppingHook")


def leave_training_hooks(config: Config) -> None:
    """Take away the hooks that only a training has a use for.

    A checkpoint has the average where its weights are, and mmengine's EarlyStoppingHook
    would read the training data.

    Args:
        config: changed in place.
    """
    config.custom_hooks = [
        x for x in config.get("custom_hooks") or [] if type_name(x) not in _OF_TRAINING
    ]


def evaluate_validation(config: Config) -> None:
    """Let a test run over the validation images; test images are for the end.

    Args:
        config: changed in place; the metrics stay.

    Raises:
        ValueError: It has no validation images.
    """
    config.test_dataloader = loader_of(config, "val")


def loader_of(config: Config, split: str) -> ConfigDict:
    """The ``val_dataloader`` or ``test_dataloader`` of a config.

    Args:
        config: as read.
        split: "val" or "test".

    Raises:
        ValueError: It has none.
    """
    name = f"{split}_dataloader"
    if not config.get(name):
        raise ValueError(
            f"{config.filename} has no {name}, whose images this looks at: write "
            f"{name} = {'test' if split == 'val' else 'val'}_dataloader, say."
        )
    return config[name]


def void_of(config: Config) -> dict[str, int]:
    """``ignore_index`` for metrics of a config's results: that of the head, or 255."""
    head = config.model.get("decode_head") or {}
    head = head[-1] if isinstance(head, list) else head
    return dict(ignore_index=head.get("ignore_index", VOID))


def require_semantic_metrics(config: Config) -> None:
    """Stop where a metric would ask for what the mean over views lacks.

    Raises:
        ValueError: A panoptic or instance metric is among those of the test.
    """
    if not type_name(config.model).endswith("MaskFormerDetector"):
        return
    evaluators = config.test_evaluator
    evaluators = evaluators if isinstance(evaluators, list) else [evaluators]
    names = [type_name(evaluator) for evaluator in evaluators]
    others = [name for name in names if name in _NOT_SEMANTIC]
    if others:
        raise ValueError(
            f"--tta averages semantic maps only, and test_evaluator of "
            f"{config.filename} has {', '.join(others)}. Evaluate with SemSegMetric "
            "alone: test_evaluator=[dict(type='SemSegMetric', iou_metrics=['mIoU'])]."
        )


def enable_tta(config: Config) -> None:
    """Evaluate the mean over the scaled and mirrored views of every image.

    Raises:
        ValueError: The config has no ``tta_pipeline``, a metric is not of label maps
            alone, or the scores of its model cannot be averaged.
    """
    if not config.get("tta_pipeline"):
        raise ValueError(
            f"--tta needs tta_pipeline in {config.filename}, a pipeline with "
            "TestTimeAug (docs/inference.md)."
        )
    require_semantic_metrics(config)
    for leaf in leaf_configs(config.test_dataloader.dataset):
        leaf["pipeline"] = config.tta_pipeline
    config.model = averaging_model(config)


def averaging_model(config: Config) -> dict:
    """The config of the wrapper that averages a model's predictions of views.

    It is the config's ``tta_model``. Of MaskFormerTTA and the host's SegTTAModel, which
    a config may have inherited, a model of this package gets the first and a model of
    the host the second: the host's takes a softmax of scores, and ours are none.

    Raises:
        ValueError: A head of this package stands in a segmentor of the host.
    """
    own = dict(type=f"{SCOPE}.MaskFormerTTA")
    wrapper = config.get("tta_model") or own
    if is_ours(config.model):
        if type_name(wrapper) == "SegTTAModel":
            wrapper = own
    elif is_ours(wrapper):
        head = config.model.get("decode_head", {})
        if isinstance(head, dict) and is_ours(head):
            raise ValueError(
                f"{config.filename} has {head['type']} in {config.model.type}, whose "
                "scores of several views cannot be averaged; set model.type to "
                f"{SCOPE}.MaskFormerSegmentor."
            )
        wrapper = dict(type="SegTTAModel")
    # A wrapper without one gets the config's own from the runner, in the model's place.
    inner = config.model.get("data_preprocessor")
    return {"data_preprocessor": inner, **wrapper, "module": config.model}
