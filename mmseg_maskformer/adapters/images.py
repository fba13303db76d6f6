"""What a model is given as images, whichever pipeline made it, before it is normalised.

The hosts' preprocessors take whatever broadcasts. Here numbers of 16 bits become 8, by
the rule of ``datasets/transforms/image_loading.py``, and what is no image of the
model's channels is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mmseg_maskformer.checkpoints.channels import first_convolution
from mmseg_maskformer.registry import is_ours


def image_channels(model: nn.Module) -> int | None:
    """How many channels the images of a model with a ``backbone`` have, if it tells."""
    found = first_convolution(model.get_submodule("backbone"))
    return None if found is None else found[1].in_channels


def check_settings(settings: Any, remedy: str) -> None:
    """Check ``mean`` and ``std`` in the config of a preprocessor before it is built.

    Args:
        settings: the config, or whatever else a model takes.
        remedy: the preprocessor of this package that takes any number of values.

    Raises:
        ValueError: They differ in length, or a preprocessor of the host has neither one
            nor three values.
    """
    if not isinstance(settings, Mapping):
        return
    lengths = [len(settings.get(name) or ()) for name in ("mean", "std")]
    if lengths[0] != lengths[1]:
        raise ValueError(
            f"data_preprocessor.mean has {lengths[0]} values and std {lengths[1]}; "
            "give one for all channels or one for each in both."
        )
    if lengths[0] not in (0, 1, 3) and not is_ours(settings):
        raise ValueError(
            f"data_preprocessor.mean has {lengths[0]} values, and {settings['type']} "
            f"takes 1 or 3; set data_preprocessor.type='{remedy}' (docs/images.md)."
        )


class AnyChannels:
    """Lets mean and deviation of a host's preprocessor have any length.

    Args:
        mean: one value for all channels or one for each, in the order of the file.
        std: likewise.
        kwargs: of the host's preprocessor.
    """

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if mean is None or std is None:
            return
        preprocessor: Any = self
        for name, values in dict(mean=mean, std=std).items():
            tensor = torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
            preprocessor.register_buffer(name, tensor, persistent=False)
        preprocessor._enable_normalize = True


def watch_images(model: nn.Module) -> None:
    """Check every batch that the ``data_preprocessor`` of a built model is given.

    Of images of other than three channels none are exchanged, whatever ``bgr_to_rgb``
    says: MMDetection would keep three.

    Raises:
        ValueError: ``mean`` has another number of values than the images channels.
    """
    channels = image_channels(model)
    preprocessor: Any = model.data_preprocessor
    values = _values(preprocessor)
    if channels is not None and values not in (1, channels):
        raise ValueError(
            f"data_preprocessor.mean has {values} values, but the backbone takes "
            f"images of {channels} channels (in_channels). Give mean and std one value "
            "or one for each channel."
        )
    if channels not in (None, 3):
        preprocessor._channel_conversion = False
    preprocessor.register_forward_pre_hook(partial(_check_batch, channels=channels))


def _values(preprocessor: Any) -> int:
    """Numbers in ``mean``; 1 where nothing is normalised."""
    if not getattr(preprocessor, "_enable_normalize", False):
        return 1
    return len(preprocessor.mean)


def _check_batch(_: nn.Module, inputs: tuple, channels: int | None) -> tuple:
    """The inputs of a preprocessor; a hook."""
    data, *others = inputs
    images = data.get("inputs") if isinstance(data, Mapping) else None
    if not isinstance(images, list):  # already a batch, or nothing that hosts know
        return inputs
    samples = data.get("data_samples") or [None] * len(images)
    checked = [
        checked_image(image, sample, channels)
        for image, sample in zip(images, samples, strict=True)
    ]
    return dict(data, inputs=checked), *others


def checked_image(image: Tensor, sample: Any, channels: int | None) -> Tensor:
    """An image (C, H, W) that the model can take.

    Args:
        image: what a pipeline packs.
        sample: its data sample, if there is one.
        channels: of the images that the model takes, if it tells.

    Raises:
        ValueError: Its numbers or channels are of another kind.
    """
    path = "" if sample is None else sample.metainfo.get("img_path", "")
    name = f"The image {path}" if path else "The array given as image"
    if image.dtype == torch.uint16:
        image = (image.int() >> 8).byte()
    known = [torch.uint8]
    if path is not None:  # the hosts' None is an array, that nobody has looked at
        known.append(torch.float32)
    if image.dtype not in known:
        raise ValueError(
            f"{name} has numbers of type {str(image.dtype).removeprefix('torch.')}; "
            "images have 8 or 16 bits without a sign (uint8, uint16). Scale to 0..255 "
            "or 0..65535; load files with mmseg_maskformer.LoadImage (docs/images.md)."
        )
    if len(image) == 1 and channels == 3:
        return image.expand(3, -1, -1)  # grey
    if channels is not None and len(image) != channels:
        raise ValueError(
            f"{name} has {len(image)} channels, but the backbone takes {channels}. Set "
            f"model.backbone.in_channels={len(image)}, or load {channels} channels: "
            "color_type of the loading in every pipeline, 'color' for 3, 'grayscale' "
            "for 1, 'unchanged' for all of the file; PhotoMetricDistortion works on 3 "
            "alone (docs/images.md)."
        )
    return image
