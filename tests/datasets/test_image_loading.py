"""One rule for images: types, channels, bits, turns and pages."""

from __future__ import annotations

import logging
import re

import cv2
import mmcv
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from mmseg_maskformer.datasets.transforms import notices
from mmseg_maskformer.datasets.transforms.image_loading import (
    LoadImage,
    ScaleIntensity,
)
from tests.datasets.image_files import (
    SIZE,
    narrow,
    wide,
    write_opencv,
    write_packed,
    write_png,
    write_tiff,
    write_turned,
)

STORED = dict(color_type="unchanged")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def warned(monkeypatch):
    """Warnings of a fresh process."""
    said = []
    notices.prepare_notices.cache_clear()

    def note(text, logger, level):
        assert (logger, level) == ("current", logging.WARNING)
        said.append(text)

    monkeypatch.setattr(notices, "print_log", note)
    yield said
    notices.prepare_notices.cache_clear()


def load(path, labelled=False, **kwargs):
    results = dict(img_path=str(path))
    if labelled:
        results["seg_map_path"] = "its_labels.png"
    return LoadImage(**kwargs)(results)["img"]


DEEP = {
    "grey.png": write_opencv,
    "grey.tif": write_tiff,
    "grey.pgm": write_opencv,
    "colour.png": write_opencv,
    "colour.tif": write_tiff,
    "colour-lzw.tif": write_opencv,
    "colour.ppm": write_opencv,
}


@pytest.mark.parametrize("name", DEEP)
def test_16_bits_become_the_upper_8(rng, tmp_path, name):
    pixels = wide(rng) if name.startswith("grey") else wide(rng, 3)
    path = DEEP[name](tmp_path / name, pixels)
    colours = np.broadcast_to(pixels.reshape(*SIZE, -1), (*SIZE, 3))[..., ::-1]
    found, exact = load(path), load(path, to_float32=True)
    assert found.dtype == np.uint8
    assert np.array_equal(found, colours // 256)
    assert exact.dtype == np.float32
    assert np.array_equal(exact, colours / np.float32(256))
    assert np.array_equal(load(path, imdecode_backend="cv2"), found)


def test_12_bits_are_all_of_white(rng, tmp_path, warned):
    pixels = rng.integers(0, 1 << 12, SIZE, dtype=np.uint16)
    path = write_packed(tmp_path / "a.tif", pixels)
    assert np.array_equal(load(path, **STORED)[..., 0], pixels >> 4)
    assert not warned


@pytest.mark.parametrize(
    ("dtype", "channels"),
    [
        *((x, 1) for x in ("bool", "int8", "int16", "int32", "uint32", "uint64")),
        *((x, 1) for x in ("float16", "float32", "float64")),
        *((x, 3) for x in ("int8", "int16", "uint32", "float32")),
        *((x, 6) for x in ("int16", "float32")),
    ],
)
@pytest.mark.parametrize("options", [{}, STORED, dict(imdecode_backend="cv2")])
def test_other_types_are_refused_by_name(rng, tmp_path, dtype, channels, options):
    shape = () if channels == 1 else (channels,)
    path = write_tiff(tmp_path / "odd.tif", narrow(rng, *shape).astype(dtype))
    message = rf"{re.escape(str(path))} has numbers of type {dtype}; images have 8 or"
    with pytest.raises(ValueError, match=message):
        load(path, **options)


def test_types_of_other_kinds_of_files_are_refused_too(rng, tmp_path):
    Image.fromarray(narrow(rng) > 99).save(tmp_path / "bits.png")
    assert cv2.imwrite(str(tmp_path / "a.hdr"), narrow(rng, 3).astype(np.float32))
    for name, dtype in (("bits.png", "bool"), ("a.hdr", "float32")):
        with pytest.raises(ValueError, match=f"{name} has numbers of type {dtype};"):
            load(tmp_path / name)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_every_channel_of_a_file_is_loaded(rng, tmp_path, channels, layout):
    pixels = narrow(rng, channels)
    planes = pixels if layout == "contig" else pixels.transpose(2, 0, 1)
    options = dict(planarconfig=layout) if channels > 1 else {}
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, planes.squeeze(), photometric="minisblack", **options)
    expected = pixels[..., ::-1] if channels == 3 else pixels
    assert np.array_equal(load(path, **STORED), expected)


@pytest.mark.parametrize("extra", ["unspecified", "unassalpha"])
def test_a_channel_beside_colours_is_data_unless_the_file_says_alpha(
    rng, tmp_path, extra
):
    path, pixels = tmp_path / "near_infrared.tif", narrow(rng, 4)
    tifffile.imwrite(path, pixels, photometric="rgb", extrasamples=[extra])
    assert np.array_equal(load(path, **STORED), pixels)
    if extra == "unassalpha":
        assert np.array_equal(load(path), pixels[..., 2::-1])
        return
    message = r"infrared\.tif has 4 channels, and color_type='color'"
    with pytest.raises(ValueError, match=message + ".* set in_channels .* to 4"):
        load(path)


def test_alpha_of_grey_is_dropped_or_kept(rng, tmp_path):
    pixels = narrow(rng, 2)
    Image.fromarray(pixels, "LA").save(tmp_path / "a.png")
    assert np.array_equal(load(tmp_path / "a.png"), pixels[..., [0, 0, 0]])
    assert np.array_equal(load(tmp_path / "a.png", **STORED), pixels)


def test_grey_with_alpha_of_16_bits_has_two_channels(rng, tmp_path):
    pixels, path = wide(rng, 2), tmp_path / "a.png"
    write_png(path, pixels)
    assert np.array_equal(load(path, **STORED), pixels >> 8)
    assert np.array_equal(load(path), (pixels >> 8)[..., [0, 0, 0]])


def test_a_clear_colour_of_16_bits_is_no_fourth_channel(rng, tmp_path):
    pixels, path = wide(rng, 3), tmp_path / "a.png"
    write_png(path, pixels, kind=2, clear=(1, 2, 3))
    assert np.array_equal(load(path), (pixels >> 8)[..., ::-1])


def test_grey_is_one_channel_if_asked_for(rng, tmp_path):
    pixels = narrow(rng, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = load(tmp_path / "a.png", color_type="grayscale")
    # Pillow: 0.299 R + 0.587 G + 0.114 B, rounded
    wanted = pixels @ [0.299, 0.587, 0.114]
    assert found.shape == (*SIZE, 1)
    np.testing.assert_allclose(found[..., 0], wanted, atol=0.51)
    exact = load(tmp_path / "a.png", color_type="grayscale", to_float32=True)
    np.testing.assert_allclose(exact[..., 0], wanted, rtol=1e-6)


def test_an_unknown_color_type_is_refused():
    with pytest.raises(ValueError, match=r"color_type='rgb' of LoadImage is none of"):
        LoadImage(color_type="rgb")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_every_turn_is_that_of_pillow(rng, tmp_path, orientation, suffix):
    pixels = narrow(rng, 3)
    path = write_turned(tmp_path / f"a.{suffix}", pixels, orientation)
    with Image.open(path) as image:
        wanted = np.asarray(ImageOps.exif_transpose(image))[..., ::-1]
    assert np.array_equal(load(path), wanted)
    for kept in ("color_ignore_orientation", "unchanged"):
        assert np.array_equal(load(path, color_type=kept), pixels[..., ::-1])


def test_a_jpeg_is_turned_whatever_reads_it(rng, tmp_path):
    path = write_turned(tmp_path / "a.jpg", narrow(rng, 3), 6)
    for backend in ("pillow", "cv2"):
        assert np.array_equal(
            load(path, imdecode_backend=backend), mmcv.imread(path, backend=backend)
        )


@pytest.mark.parametrize(("orientation", "size"), [(3, SIZE), (6, (8, 8))])
def test_a_turn_that_keeps_the_size_is_spoken_of_once(
    tmp_path, warned, orientation, size
):
    pixels = np.zeros((*size, 3), np.uint8)
    path = write_turned(tmp_path / "a.jpg", pixels, orientation)
    load(path)
    assert not warned  # there are no labels
    for _ in range(2):
        load(path, labelled=True)
    load(path, labelled=True, color_type="color_ignore_orientation")
    (text,) = warned
    assert f"{path} is turned as its EXIF orientation {orientation} says" in text
    assert "color_type='color_ignore_orientation'" in text


def test_a_stack_is_spoken_of_once(rng, tmp_path, warned):
    stack = rng.integers(0, 1 << 16, (5, *SIZE), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "z.tif", stack, photometric="minisblack")
    found = [load(tmp_path / "z.tif", **STORED) for _ in range(2)]
    assert np.array_equal(found[1][..., 0], stack[0] >> 8)
    (text,) = warned
    assert "z.tif has 5 pages, of which only the first is read" in text


def test_an_overview_is_no_second_page(rng, tmp_path, warned):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(narrow(rng), photometric="minisblack")
        file.write(narrow(rng)[::2, ::2], photometric="minisblack", subfiletype=1)
    load(tmp_path / "a.tif")
    assert not warned


def test_a_camera_of_fewer_bits_is_spoken_of_once(tmp_path, warned):
    pixels = np.arange(48, dtype=np.uint16).reshape(SIZE) * 87  # to 4089, of 12 bits
    path = write_tiff(tmp_path / "dim.tif", pixels)
    for _ in range(2):
        assert load(path).max() == 15
    (text,) = warned
    assert "dim.tif has 16 bits, but no number above 4089: it is read as 0..15" in text
    assert "mmseg_maskformer.ScaleIntensity" in text
    write_tiff(path, pixels + 4089)
    notices.prepare_notices.cache_clear()
    load(path)
    assert len(warned) == 1


def test_white_is_what_the_camera_calls_so(tmp_path):
    pixels = np.array([[0, 2047, 4095, 5000]], np.uint16)
    path = write_tiff(tmp_path / "a.tif", pixels)
    results = LoadImage(**STORED, to_float32=True)(dict(img_path=str(path)))
    found = ScaleIntensity(white=4095)(results)["img"]
    # 255 x 2047 / 4095 = 127.469; more than white is white
    np.testing.assert_allclose(found[0, :, 0], [0, 127.469, 255, 255], rtol=1e-5)


@pytest.mark.parametrize("bits", [8, 16])
def test_white_needs_the_lower_bits(rng, tmp_path, bits):
    pixels = narrow(rng) if bits == 8 else wide(rng)
    path = write_tiff(tmp_path / "a.tif", pixels)
    results = LoadImage(to_float32=bits == 8)(dict(img_path=str(path)))
    with pytest.raises(ValueError, match=rf"to_float32=True, and got .*of {bits} bits"):
        ScaleIntensity(white=4095)(results)
    with pytest.raises(ValueError, match=r"white=70000 is no number of 16 bits"):
        ScaleIntensity(white=70000)


def test_an_image_of_more_pixels_than_pillow_opens_is_named(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 23)  # refuses above twice as many
    with pytest.raises(OSError, match=r"large\.png has more pixels .* \(48 .*Cut it"):
        LoadImage()(dict(img_path=str(path)))
