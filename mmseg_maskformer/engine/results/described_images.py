"""How another program is to make a model's images, and what its classes are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config

from mmseg_maskformer.datasets.metainfo import metainfo_of
from mmseg_maskformer.registry import type_name

from .own_images import own_images

_PACKING = ("CheckArray", "PackDetInputs", "PackPanopticInputs", "PackSegInputs")
_BACKENDS = dict(Resize="cv2", ResizeWithLabels="pillow")  # where a step names none


def described_images(
    config: Config, size: tuple[int, int] | None = None
) -> dict[str, Any]:
    """What another program must know of the images of a config's test.

    Args:
        config: whole.
        size: H and W that all images get in place of the pipeline's, or None.

    Returns:
        ``classes``: names, None where the data set has none; ``reduces_labels``:
        whether 0 in its label maps means no class; ``orientation``: whether EXIF turns
        images; ``resize``: ``scale`` (width and height), ``keep_ratio`` and
        ``backend`` of bilinear resizing, or None.

    Raises:
        ValueError: The config has no test or an unknown data set, or its pipeline
            makes images in a way that cannot be said so.
    """
    dataset, (load, *steps) = own_images(config)
    color = load.get("color_type", "color")
    if not color.startswith("color"):
        raise ValueError(
            f"{_pipeline(config)} has color_type={color!r}, and other programs load "
            "images in colours; train with color_type='color'."
        )
    return dict(
        classes=metainfo_of(dataset).get("classes"),
        reduces_labels=bool(getattr(dataset, "reduce_zero_label", False)),
        orientation=color == "color",
        resize=_resizing(steps, size, config),
    )


def _resizing(
    steps: Sequence[Mapping[str, Any]], size: tuple[int, int] | None, config: Config
) -> dict[str, Any] | None:
    """The rule of the only step that changes an image; None if there is none."""
    changing = [step for step in steps if type_name(step) not in _PACKING]
    if size is not None:  # in place of any resizing
        changing = [step for step in changing if "Resize" not in type_name(step)]
    for number, step in enumerate(changing):
        kinds = type_name(step) in _BACKENDS, step.get("scale") is not None
        bilinear = step.get("interpolation", "bilinear") == "bilinear"
        if number or not (all(kinds) and bilinear):
            raise ValueError(
                f"{_pipeline(config)} has {dict(step)}, and other programs know one "
                "bilinear Resize or ResizeWithLabels to a scale=(width, height) alone. "
                "Leave one such step, or none; tools/export.py --size HxW takes the "
                "place of any that resizes."
            )
    if size is not None:
        return dict(scale=[size[1], size[0]], keep_ratio=False, backend="pillow")
    if not changing:
        return None
    (step,) = changing
    scale = step["scale"]
    return dict(
        scale=[scale, scale] if isinstance(scale, int) else list(scale),
        keep_ratio=step.get("keep_ratio", False),
        backend=step.get("backend", _BACKENDS[type_name(step)]),
    )


def _pipeline(config: Config) -> str:
    return f"The pipeline of test_dataloader in {config.filename}"
