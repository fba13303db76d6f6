"""What stands beside an exported file: how to make its input and read its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mmengine.config import Config

from mmseg_maskformer.checkpoints.export import class_names
from mmseg_maskformer.engine.results.own_images import first_dataset, image_steps

from .network import ExportableNetwork


def describe(
    network: ExportableNetwork,
    config: Config,
    size: tuple[int, int] | None,
) -> dict[str, Any]:
    """The contents of ``model.json``.

    Args:
        network: that is exported.
        config: of its model; images are loaded and resized as those of its
            ``test_dataloader``, names of classes are those of its ``val_dataloader``.
        size: H and W of every image, or None where they are free.

    Raises:
        ValueError: The config has no test, or its pipeline resizes by a rule that the
            file cannot say.
    """
    model = network.model
    options = asdict(model.prediction_options())
    kinds = ("semantic", "panoptic", "instance")
    results = [kind for kind in kinds if options.get(f"{kind}_on", kind == "semantic")]
    names = class_names(config)
    load, *steps = image_steps(first_dataset(config)["pipeline"], config.filename)
    return dict(
        outputs=list(network.output_names),
        results=["semantic"] if network.labels else results,
        size=size,
        orientation=load.get("color_type", "color") == "color",
        resize=_resize_rule(steps, size),
        divisor=network.divisor,
        classes=None if names is None else list(names),
        num_classes=model.decode_head.num_classes,
        num_things=getattr(model, "num_things_classes", 0),
        options=options,
    )


def _resize_rule(
    pipeline: Sequence[Mapping[str, Any]], size: tuple[int, int] | None
) -> dict[str, Any] | None:
    """How images are resized: to a width and height, which may be bounds; or not."""
    if size is not None:
        return dict(scale=[size[1], size[0]], keep_ratio=False, backend="pillow")
    for step in pipeline:
        kind = str(step["type"]).rpartition(".")[2]
        if kind not in ("Resize", "ResizeWithLabels"):
            continue
        if "scale" not in step or step.get("interpolation", "bilinear") != "bilinear":
            raise ValueError(
                f"The pipeline of the test has {dict(step)}; an exported model knows "
                "bilinear resizing to a scale. Set scale, or export with --size HxW."
            )
        default = "cv2" if kind == "Resize" else "pillow"
        return dict(
            scale=list(step["scale"]),
            keep_ratio=step.get("keep_ratio", False),
            backend=step.get("backend", default),
        )
    return None
