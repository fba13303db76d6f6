"""Arrays as images, and resizing of any number of channels."""

from __future__ import annotations

import re

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from PIL import Image

from mmseg_maskformer.datasets.file_errors import naming_image
from mmseg_maskformer.datasets.transforms import image_loading
from mmseg_maskformer.datasets.transforms.image_loading import (
    ARRAY,
    InferencerLoader,
    LoadImageFromNDArray,
)
from mmseg_maskformer.datasets.transforms.resizing import CheckArray, ResizeWithLabels
from tests.conftest import REPOSITORY
from tests.datasets.image_files import SIZE, narrow, wide, write_tiff

STORED = dict(color_type="unchanged")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_an_array_is_as_good_as_its_file(rng, tmp_path, channels):
    pixels = wide(rng, channels)
    path = write_tiff(tmp_path / "a.tif", pixels)
    given = pixels[..., ::-1] if channels == 3 else pixels
    loader = InferencerLoader(**STORED)
    by_path = loader(str(path))
    for found in (loader(given), loader(dict(img=given))):
        assert np.array_equal(found["img"], by_path["img"])
        assert found["img_path"] == ARRAY
        assert found["ori_shape"] == found["img_shape"] == SIZE
    grey = LoadImageFromNDArray()(dict(img=pixels[..., 0]))["img"]
    assert np.array_equal(grey, (pixels[..., [0, 0, 0]] >> 8))


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("make", [narrow, wide])
def test_colours_become_grey_as_those_of_a_file(rng, tmp_path, make, kept):
    pixels = make(rng, 3)
    path = write_tiff(tmp_path / "a.tif", pixels)
    loader = InferencerLoader(color_type="grayscale", to_float32=kept)
    by_path, by_array = (loader(x)["img"] for x in (str(path), pixels[..., ::-1]))
    assert by_array.shape == (*SIZE, 1)
    np.testing.assert_allclose(by_array, by_path, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "float32", "float64"])
def test_arrays_of_other_types_are_refused(rng, dtype):
    results = dict(img=narrow(rng, 3).astype(dtype), img_path=None, scale=(4, 4))
    message = f"array given as image has numbers of type {dtype}; images have 8 or 16"
    for step in (LoadImageFromNDArray(), CheckArray(), ResizeWithLabels(scale=(4, 4))):
        with pytest.raises(ValueError, match=message):
            step(dict(results))


STEPS = [LoadImageFromNDArray(), CheckArray(), ResizeWithLabels(scale=(8, 6))]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("shape", [(2, 6, 8, 3), (0, 8, 3), (8,)])
def test_arrays_of_other_shapes_are_refused(step, shape):
    results = dict(img=np.zeros(shape, np.uint8), img_path=None, scale=(8, 6))
    message = f"array given as image has shape {re.escape(str(shape))}; give one image"
    with pytest.raises(ValueError, match=message):
        step(results)


@pytest.mark.parametrize("step", STEPS)
def test_the_order_of_bytes_is_no_matter(rng, step):
    pixels = wide(rng, 3)
    found = step(dict(img=pixels.astype(">u2"), img_path=None))["img"]
    assert np.array_equal(found, pixels >> 8)


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_channels_are_resized_one_by_one(rng, channels, dtype):
    pixels = narrow(rng, channels).astype(dtype)
    resize = ResizeWithLabels(scale=(5, 3), keep_ratio=False)
    found = resize(dict(img=pixels))["img"]
    for channel in range(channels):
        plane = Image.fromarray(pixels[..., channel])
        wanted = plane.resize((5, 3), Image.Resampling.BILINEAR)
        assert np.array_equal(found[..., channel], np.asarray(wanted))


def test_a_channel_of_zeros_hides_no_other():
    pixels = np.full((4, 4, 4), (200, 100, 50, 0), np.uint8)
    found = ResizeWithLabels(scale=(2, 2))(dict(img=pixels))["img"]
    assert found.tolist() == [[[200, 100, 50, 0]] * 2] * 2


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ("mmseg", "camvid_256x256"),
        pytest.param("mmdet", "coco_panoptic", marks=pytest.mark.mmdet),
    ],
)
def test_the_name_in_the_pipelines_of_inference_is_ours(scope, name):
    config = Config.fromfile(REPOSITORY / f"configs/_base_/datasets/{name}.py")
    pipeline = [step for step in config.test_pipeline if "Load" in step.type][:1]
    with DefaultScope.overwrite_default_scope(scope):
        by_name = Compose(pipeline).transforms
        prefix = "mmdet." if scope == "mmdet" else ""  # as either host writes it
        pipeline[0].type = f"{prefix}InferencerLoader"
        by_host = Compose(pipeline).transforms
    assert isinstance(by_name[0], image_loading.LoadImageFromFile)
    assert isinstance(by_host[0].from_file, image_loading.LoadImage)


def test_what_transforms_find_wrong_names_the_image_and_bugs_stay_bugs():
    results = dict(img=np.zeros((1, 9, 3), np.uint8), img_path="folder/a.png")
    message = (
        r"^The image folder/a\.png has 1 x 9 pixels .* take \(no room\)\. Leave it"
    )
    with pytest.raises(ValueError, match=message) as raised, naming_image(results):
        raise ValueError("no room")
    assert str(raised.value.__cause__) == "no room"
    for own in (ValueError("folder/a.png is grey"), KeyError("no room")):
        with pytest.raises(type(own)) as raised, naming_image(results):
            raise own
        assert raised.value is own
