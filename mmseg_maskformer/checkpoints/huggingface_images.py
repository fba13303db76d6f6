"""What transformers does to images before a model of ours, written as a folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

_FIRST_CONVOLUTIONS = (
    "backbone.conv1.weight",  # ResNet
    "backbone.patch_embed.projection.weight",  # Swin
)


def for_rgb(
    state_dict: Mapping[str, Tensor], settings: Mapping[str, Any]
) -> Mapping[str, Tensor]:
    """The tensors of the same model for RGB images."""
    if not _takes_bgr(settings):
        return state_dict
    return {
        name: tensor.flip(1) if name in _FIRST_CONVOLUTIONS else tensor
        for name, tensor in state_dict.items()
    }


def image_processor(
    settings: Mapping[str, Any], resize: Mapping[str, Any] | None, reduces_labels: bool
) -> dict[str, Any]:
    """The ``preprocessor_config.json`` of a model of ours.

    Args:
        settings: config of the model's preprocessor.
        resize: ``scale`` (width and height) and ``keep_ratio``, or None.
        reduces_labels: whether 0 in label maps means no class.

    Raises:
        ValueError: Images are padded to one size.
    """
    mean, std = settings.get("mean"), settings.get("std")
    if _takes_bgr(settings):
        mean, std = (x and x[::-1] for x in (mean, std))
    return dict(
        **_resize(resize),
        do_rescale=mean is not None,  # without one the model takes 0..255
        do_normalize=mean is not None,
        image_mean=[value / 255 for value in mean or (0, 0, 0)],
        image_std=[value / 255 for value in std or (255, 255, 255)],
        # No padding there: it rounds up the size that images are resized to. Without it
        # the maps of the network would reach beyond an image that is no multiple, and
        # their results, which are resized as a whole, would be shifted.
        size_divisor=size_divisor(settings),
        ignore_index=settings.get("seg_pad_val", 255),
        do_reduce_labels=reduces_labels,
    )


def other_images(
    settings: Mapping[str, Any], resize: Mapping[str, Any] | None, mask_padding: bool
) -> str:
    """What transformers does otherwise to images, in a sentence; "" if nothing.

    Args:
        settings: config of the model's preprocessor.
        resize: as above, with its ``backend``.
        mask_padding: whether the head hides padding from attention.
    """
    divisor, others = size_divisor(settings), []
    if divisor > 1 and resize is None:
        others.append(f"does not pad to multiples of {divisor}")
    elif divisor > 1:
        others.append(f"stretches images to multiples of {divisor} instead of padding")
    if resize is not None and resize["backend"] == "cv2":
        others.append("averages where it shrinks images, and OpenCV does not")
    if mask_padding:
        others.append("lets queries see what pads a batch of several sizes")
    if not others:
        return ""
    return f"transformers {', '.join(others)} (docs/checkpoints.md)."


def size_divisor(settings: Mapping[str, Any]) -> int:
    """What sides are padded to multiples of in evaluation; 1 where they are not.

    MMSegmentation pads as ``test_cfg`` says, MMDetection always.

    Args:
        settings: config of a preprocessor.

    Raises:
        ValueError: Images are padded to one size.
    """
    tested = settings.get("test_cfg") or {}
    if tested.get("size"):
        raise ValueError(
            f"data_preprocessor.test_cfg.size={tested['size']} pads every image to one "
            "size, which is not exported; set size_divisor in its place, or remove it."
        )
    return tested.get("size_divisor") or settings.get("pad_size_divisor") or 1


def _takes_bgr(settings: Mapping[str, Any]) -> bool:
    """Whether the model sees images as OpenCV reads them; either switch turns them."""
    return not (settings.get("bgr_to_rgb") or settings.get("rgb_to_bgr"))


def _resize(rule: Mapping[str, Any] | None) -> dict[str, Any]:
    """Their names of a rule of resizing."""
    if rule is None:
        return dict(do_resize=False)
    width, height = rule["scale"]
    if not rule["keep_ratio"]:
        return dict(do_resize=True, size=dict(height=height, width=width))
    edges = dict(shortest_edge=min(width, height), longest_edge=max(width, height))
    return dict(do_resize=True, size=edges)
