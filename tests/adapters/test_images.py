"""What models say of images and settings that do not fit them."""

from __future__ import annotations

import copy
import pickle
import re

import pytest
import torch
from mmseg.structures import SegDataSample

from benchmark_lib.complexity import measure_complexity
from tests.checkpoints import models

CONFIG = "maskformer_tiny_scenes"
OURS = "mmseg_maskformer.SegPreprocessor"


def build(channels=3, mean=None, **preprocessor):
    mean = mean or [120.0] * channels
    settings = dict(dict(type=OURS, mean=mean, std=[60.0] * len(mean)), **preprocessor)
    changes = {f"data_preprocessor.{name}": x for name, x in settings.items()}
    return models.ours(CONFIG, **changes, **{"backbone.in_channels": channels})


def prepared(model, image, **meta):
    meta = dict(img_path="data/odd.tif", img_shape=(32, 32)) | meta
    batch = dict(inputs=[image], data_samples=[SegDataSample(metainfo=meta)])
    return model.data_preprocessor(batch, False)["inputs"]


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_each_channel_has_its_mean(channels):
    mean = [float(x) for x in range(channels)]
    image = torch.full((channels, 32, 32), 120, dtype=torch.uint8)
    found = prepared(build(channels, mean), image)
    expected = (120 - torch.tensor(mean)) / 60
    torch.testing.assert_close(found[0, :, 0, 0], expected)


@pytest.mark.parametrize(("found", "taken"), [(4, 3), (3, 4), (2, 1), (6, 3)])
def test_other_channels_than_the_backbones_are_refused_by_name(found, taken):
    image = torch.zeros(found, 32, 32, dtype=torch.uint8)
    message = (
        f"odd\\.tif has {found} channels, but the backbone takes {taken}\\. Set "
        f"model\\.backbone\\.in_channels={found}, or load {taken} channels"
    )
    with pytest.raises(ValueError, match=message):
        prepared(build(taken), image)


def test_grey_is_three_equal_channels():
    image = torch.full((1, 32, 32), 180, dtype=torch.uint8)
    found = prepared(build(mean=[60.0, 120.0, 180.0]), image)
    assert found[0, :, 0, 0].tolist() == [2, 1, 0]  # (180 - mean) / 60


def test_three_channels_alone_are_exchanged():
    for channels, expected in ((3, [30, 20, 10]), (4, [10, 20, 30, 40])):
        image = torch.tensor([10, 20, 30, 40], dtype=torch.uint8)[:channels]
        model = build(channels, [0.0], std=[1.0])
        found = prepared(model, image.view(-1, 1, 1).expand(-1, 32, 32))
        assert found[0, :, 0, 0].tolist() == expected


def test_16_bits_become_the_upper_8():
    image = torch.tensor([0, 255, 256, 65535], dtype=torch.uint16).view(4, 1, 1)
    found = prepared(build(4, [0.0], std=[1.0]), image.expand(-1, 32, 32))
    assert found[0, :, 0, 0].tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize("dtype", ["bool", "int8", "int16", "int32", "float64"])
def test_other_types_are_refused_by_name(dtype):
    image = torch.zeros(3, 32, 32).to(getattr(torch, dtype))
    message = f"The image data/odd.tif has numbers of type {dtype}; images have 8 or 16"
    with pytest.raises(ValueError, match=message):
        prepared(build(), image)


def test_floats_are_trusted_of_files_alone():
    model, image = build(), torch.zeros(3, 32, 32)
    prepared(model, image)
    with pytest.raises(ValueError, match="array given as image has numbers of"):
        prepared(model, image, img_path=None)


@pytest.mark.parametrize(
    ("channels", "settings", "message"),
    [
        (
            4,
            dict(type="SegDataPreProcessor"),
            "data_preprocessor.mean has 4 values, and SegDataPreProcessor takes 1 or "
            f"3; set data_preprocessor.type='{OURS}'",
        ),
        (
            4,
            dict(mean=[1.0, 2.0, 3.0]),
            "data_preprocessor.mean has 3 values, but the backbone takes images of 4 "
            "channels (in_channels)",
        ),
        (
            1,
            dict(mean=[1.0, 2.0, 3.0], type="SegDataPreProcessor"),
            "data_preprocessor.mean has 3 values, but the backbone takes images of 1 "
            "channels",
        ),
        (4, dict(std=[1.0]), "data_preprocessor.mean has 4 values and std 1; give"),
    ],
)
def test_settings_for_other_channels_are_refused(channels, settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build(channels, **settings)


def test_a_watched_model_can_be_copied_and_sent():
    model = build(4)
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        with pytest.raises(ValueError, match="has 3 channels, but the back"):
            prepared(copied, torch.zeros(3, 32, 32))


def test_costs_are_those_of_all_channels():
    few, many = (
        measure_complexity(build(channels), (64, 64)).multiply_adds["backbone"]
        for channels in (3, 6)
    )
    assert many - few == 3 * 32 * 7 * 7 * 32 * 32  # more inputs of 7 x 7 at stride 2
