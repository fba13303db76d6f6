"""Overlays pixel by pixel: plain stuff, shaded and outlined things, texts."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageDraw, ImageFont

from mmseg_maskformer.visualization import fonts, panoptic_drawing
from mmseg_maskformer.visualization.fonts import text_font
from mmseg_maskformer.visualization.panoptic_drawing import (
    enlarged,
    enlargement,
    outlines,
    overlay,
    segment_colours,
)

CLASSES = ["nut", "sky"]
PALETTE = [[250, 250, 250], [200, 40, 0]]
IMAGE = np.full((40, 40, 3), 100, np.uint8)
WHITE = [255, 255, 255]


def example():
    """Sky with two nuts that touch, the second at the border; void in the last rows."""
    encoded = np.full((40, 40), 1)
    encoded[4:12, 20:30] = 1000
    encoded[4:12, 30:] = 2000
    encoded[30:] = 2
    return encoded


@pytest.fixture
def texts(monkeypatch):
    """Texts by their place; they are not drawn."""
    asked = {}

    def note(draw, place, text, **kwargs):
        if kwargs["fill"] == "white":
            asked[text] = place

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", note)
    return asked


def test_stuff_is_the_blend_of_the_class_colour_and_void_is_the_image(texts):
    painted = overlay(IMAGE, example(), CLASSES, PALETTE, alpha=0.6)
    stuff = painted[example() == 1]
    # 0.4 * 100 + 0.6 * (200, 40, 0)
    assert np.unique(stuff, axis=0).tolist() == [[160, 64, 40]]
    assert np.array_equal(painted[30:], IMAGE[30:])


def test_two_objects_of_a_class_have_their_own_shades(texts):
    painted = overlay(IMAGE, example(), CLASSES, PALETTE, alpha=0.6)
    assert painted[7, 24].tolist() == [190] * 3  # 0.4 * 100 + 0.6 * 250
    # 250 * (1 - 0.6 * 0.618034) = 157.3; 0.4 * 100 + 0.6 * 157.3 = 134.4
    assert painted[7, 35].tolist() == [134] * 3


def test_things_are_outlined_inside_but_not_at_the_border(texts):
    painted = overlay(IMAGE, example(), CLASSES, PALETTE)
    white = (painted == WHITE).all(axis=2)
    expected = np.zeros((40, 40), dtype=bool)
    expected[4, 20:] = expected[11, 20:] = True  # above and below
    expected[4:12, [20, 29, 30]] = True  # left, and on both sides where they touch
    assert np.array_equal(white, expected)


def test_outlines_grow_with_the_image():
    numbers = np.zeros((800, 800), dtype=int)
    numbers[:, 400:] = 1
    edge = outlines(numbers, is_thing=np.array([False, True]))
    assert np.flatnonzero(edge[0]).tolist() == [400, 401, 402]  # 1 + 800 // 400


def test_class_and_object_are_written_inside_of_their_segment(texts):
    encoded = example().repeat(10, axis=0).repeat(10, axis=1)
    image = np.full((400, 400, 3), 100, np.uint8)
    overlay(image, encoded, CLASSES, PALETTE)
    assert set(texts) == {"nut #1", "nut #2", "sky"}  # stuff is one, void has none
    for text, value in (("nut #1", 1000), ("nut #2", 2000), ("sky", 1)):
        left, top = texts[text]
        _, _, width, height = text_font(12).getbbox(text)
        assert encoded[top + int(height) // 2, left + int(width) // 2] == value


def test_a_text_that_would_cover_another_is_the_number_alone(texts):
    overlay(IMAGE, example(), CLASSES, PALETTE)  # 40 pixels: no room for two names
    assert set(texts) == {"sky", "nut #1", "#2"}


def test_texts_stay_in_the_picture(texts):
    overlay(IMAGE, np.full((40, 40), 1), ["", "a name wider than all of it"], PALETTE)
    ((left, top),) = texts.values()
    assert left == 0
    assert 0 <= top < 40


def test_texts_are_drawn():
    image = np.zeros((64, 64, 3), np.uint8)
    painted = overlay(image, np.full((64, 64), 1), CLASSES, [[0, 0, 0]] * 2)
    assert painted.max() > 200
    assert 10 < np.sum(painted.max(axis=2) > 127) < 400


def test_shades_of_many_objects_differ_for_any_class_colour():
    for colour in ([0, 0, 0], [255, 255, 255], [220, 20, 60]):
        values = 1000 * np.arange(1, 31)
        shades = segment_colours(values, [colour])
        assert shades[0].tolist() == colour
        assert len(np.unique(shades.round(), axis=0)) == 30
        assert shades.min() >= 0
        assert shades.max() <= 255
        assert np.abs(np.diff(shades, axis=0)).max(axis=1).min() > 25


def test_a_font_of_one_size_does(monkeypatch):
    """Pillow without FreeType, or older than 10.1: a small font of Latin letters."""
    small = ImageFont.load_default_imagefont()

    def load_default(size=None):
        if size is not None:
            raise ImportError("The _imagingft C module is not installed")
        return small

    monkeypatch.setattr(fonts.ImageFont, "load_default", load_default)
    fonts.text_font.cache_clear()
    image = np.zeros((64, 64, 3), np.uint8)
    painted = overlay(image, np.full((64, 64), 1), ["", "空"], [[0, 0, 0]] * 2)
    assert painted.max() > 200
    assert fonts.readable(["", "空"])[0] == ["", "class 1"]
    fonts.text_font.cache_clear()


def test_names_are_written_by_a_font_that_has_their_letters(monkeypatch):
    """Pillow's has ASCII; a box would stand for other letters."""
    monkeypatch.setattr(fonts.font_manager, "findSystemFonts", lambda: ["absent.ttf"])
    fonts.text_font.cache_clear()
    assert fonts.readable(["road", "sky"])[1].getname()[0] == "Aileron"
    names, font = fonts.readable(["road", "Gebäude", "дом", "建物"])
    assert names == ["road", "Gebäude", "дом", "class 3"]
    assert font.getname()[0] == "DejaVu Sans"
    fonts.text_font.cache_clear()


def test_panoptic_pictures_write_readable_names(texts):
    overlay(IMAGE, np.full((40, 40), 1), ["nut", "\U0010ffff"], PALETTE)
    assert set(texts) == {"class 1"}


def test_nothing_but_void_is_the_image():
    void = np.full((40, 40), 2)
    assert np.array_equal(overlay(IMAGE, void, CLASSES, PALETTE), IMAGE)


def test_small_images_are_enlarged_by_a_whole_factor(monkeypatch):
    # 13 * 30 = 390; 24 * 1024 would be longer than 4096; 5000 is already
    found = [enlargement(x) for x in ((30, 50), (16, 1024), (1, 5000))]
    assert found == [13, 4, 1]
    rng = np.random.default_rng(0)
    image = rng.integers(256, size=(30, 50, 3), dtype=np.uint8)
    monkeypatch.setattr(panoptic_drawing, "LEAST_SIDE", 100)
    big, encoded = enlarged(image, image[..., 0])  # 100 / 30 < 4
    assert np.array_equal(big[::4, ::4], image)
    assert np.array_equal(big[3::4, 3::4], image)
    assert np.array_equal(encoded, big[..., 0])
    monkeypatch.setattr(panoptic_drawing, "LEAST_SIDE", 30)
    assert np.array_equal(enlarged(image, image[..., 0])[0], image)


def test_more_classes_than_a_map_can_hold_are_a_sentence():
    with pytest.raises(ValueError, match=r"1000 classes cannot be painted.*1000 \*"):
        overlay(IMAGE, np.zeros((40, 40), int), ["x"] * 1000, PALETTE)


def test_another_size_than_the_image_is_a_sentence():
    with pytest.raises(ValueError, match=r"40 x 30 .* image of 40 x 40"):
        overlay(IMAGE, np.zeros((40, 30), int), CLASSES, PALETTE)
