"""Networks of known predictions for the segmentor."""

from __future__ import annotations

import torch

from mmseg_maskformer.core.structures import PixelPredictions, Predictions
from tests.helpers.semantic import CLASSES, PIXEL_DECODER, images, samples

PER_PIXEL = dict(
    network=dict(type="PerPixelBaseline", pixel_decoder=PIXEL_DECODER),
    criterion=dict(type="PixelCriterion"),
    num_classes=CLASSES,
)
SLIDE = dict(mode="slide", crop_size=(45, 53), stride=(25, 48))


class Masks(torch.nn.Module):
    """Predictions that each image decides alone: label maps of several classes."""

    mask_stride = 4
    per_pixel = False

    def forward(self, features, valid=None):
        generator = torch.Generator().manual_seed(3)
        num, width = features[0].shape[:2]
        classes = 3 * torch.randn(1, 1, 9, CLASSES + 1, generator=generator)
        embed = torch.randn(1, 1, 9, width, generator=generator)
        return Predictions(
            classes.repeat(1, num, 1, 1),
            embed.repeat(1, num, 1, 1),
            centred(features[0])[None],
        )


class Pixels(torch.nn.Module):
    """The same of a per-pixel model."""

    mask_stride = 4
    per_pixel = True

    def forward(self, features, valid=None):
        generator = torch.Generator().manual_seed(3)
        embed = torch.randn(1, 1, CLASSES, 8, generator=generator)
        embed = embed.repeat(1, len(features[0]), 1, 1)
        return PixelPredictions(embed, centred(features[0]))


def centred(features):
    """Channels of each image with mean 0 and deviation 1."""
    centred = features - features.mean((2, 3), keepdim=True)
    return centred / centred.std((2, 3), keepdim=True)


def predict(model, network=Masks, num=2, **case):
    """Results for the images of a case."""
    model.decode_head.network = network()
    with torch.no_grad():
        return model.predict(images(case["size"], num), samples(num=num, **case))


KINDS = {"masks": ({}, Masks), "pixels": (PER_PIXEL, Pixels)}
