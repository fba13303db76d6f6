"""Loading: what is read, and what is said when it cannot be."""

from __future__ import annotations

import re

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import TRANSFORMS, DefaultScope
from PIL import Image

from mmseg_maskformer.datasets.transforms import LoadImage, LoadLabelMap
from tests.conftest import REPOSITORY

SIZE = (6, 8)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8)


def load_image(path, **kwargs):
    return LoadImage(**kwargs)(dict(img_path=str(path)))["img"]


def load_labels(path, reduce_zero_label=False, label_map=None, size=SIZE):
    results = dict(
        img_path="its_image.jpg",
        seg_map_path=str(path),
        ori_shape=size,
        reduce_zero_label=reduce_zero_label,
        label_map=label_map,
        seg_fields=[],
    )
    loaded = LoadLabelMap()(results)
    assert loaded["seg_fields"] == ["gt_seg_map"]
    return loaded["gt_seg_map"]


def saved(array, path):
    Image.fromarray(array).save(path)
    return path


def test_colour_image_is_bgr(pixels, tmp_path):
    path = saved(pixels, tmp_path / "a.png")
    assert np.array_equal(load_image(path), pixels[..., ::-1])


def test_grey_image_has_three_equal_channels(pixels, tmp_path):
    path = saved(pixels[..., 0], tmp_path / "grey.png")
    assert np.array_equal(load_image(path), pixels[..., :1].repeat(3, axis=2))


def test_alpha_is_dropped(pixels, tmp_path):
    rgba = np.dstack([pixels, pixels[..., :1]])
    path = saved(rgba, tmp_path / "rgba.png")
    assert np.array_equal(load_image(path), pixels[..., ::-1])


def test_camera_orientation_is_applied(pixels, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate clockwise by 90 degrees
    path = tmp_path / "turned.png"
    Image.fromarray(pixels).save(path, exif=exif)
    assert np.array_equal(load_image(path), np.rot90(pixels, -1)[..., ::-1])


def test_missing_image_is_named(tmp_path):
    path = tmp_path / "none.jpg"
    message = f"{path} cannot be read (No such file or directory)"
    with pytest.raises(OSError, match=re.escape(message)):
        load_image(path)


@pytest.mark.parametrize("backend", ["pillow", "cv2"])
def test_truncated_image_is_named(pixels, tmp_path, backend):
    path = saved(pixels.repeat(9, 0).repeat(9, 1), tmp_path / "half.jpg")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 4])
    with pytest.raises(OSError, match=f"image {re.escape(str(path))} cannot be read"):
        load_image(path, imdecode_backend=backend)


@pytest.mark.parametrize("content", [b"", b"no image at all"])
def test_file_that_is_no_image_is_named(tmp_path, content):
    path = tmp_path / "text.jpg"
    path.write_bytes(content)
    message = f"{path} cannot be read (it is empty or no image). Check"
    with pytest.raises(OSError, match=re.escape(message)):
        load_image(path)


def test_labels_keep_their_values(tmp_path):
    labels = np.arange(48, dtype=np.uint8).reshape(SIZE)
    labels[0, 0] = 255
    loaded = load_labels(saved(labels, tmp_path / "l.png"))
    assert loaded.dtype == np.uint8
    assert np.array_equal(loaded, labels)


def test_palette_image_gives_indices(tmp_path):
    labels = np.arange(48, dtype=np.uint8).reshape(SIZE)
    image = Image.fromarray(labels).convert("P")
    image.putpalette([255 - value // 3 for value in range(768)])
    image.save(tmp_path / "p.png")
    assert np.array_equal(load_labels(tmp_path / "p.png"), labels)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_labels_are_not_cut(tmp_path, suffix):
    labels = np.arange(800, 848, dtype=np.uint16).reshape(SIZE)
    labels[1, 1], labels[2, 2] = 65535, 0
    path = saved(labels, tmp_path / f"wide.{suffix}")
    assert np.array_equal(load_labels(path), labels)
    reduced = load_labels(path, reduce_zero_label=True)
    assert reduced[0, 0] == 799
    assert reduced[1, 1] == 65535
    assert reduced[2, 2] == 65535


def test_reduce_zero_label_makes_zero_void(tmp_path):
    labels = np.array([[0, 1, 150, 254, 255, 2]], dtype=np.uint8)
    path = saved(labels, tmp_path / "l.png")
    loaded = load_labels(path, reduce_zero_label=True, size=labels.shape)
    assert loaded.tolist() == [[255, 0, 149, 253, 255, 1]]


def test_choice_of_classes_renumbers(tmp_path):
    labels = np.array([[0, 1, 2, 255]], dtype=np.uint8)
    path = saved(labels, tmp_path / "l.png")
    chosen = {0: 1, 1: 255, 2: 0}  # swapped, so a second pass over the result shows
    loaded = load_labels(path, label_map=chosen, size=labels.shape)
    assert loaded.tolist() == [[1, 255, 0, 255]]


def test_missing_label_map_is_named(tmp_path):
    path = tmp_path / "none.png"
    with pytest.raises(OSError, match=f"label map {re.escape(str(path))} cannot be"):
        load_labels(path)


def test_colour_label_map_is_refused_by_name(pixels, tmp_path):
    path = saved(pixels, tmp_path / "colours.png")
    with pytest.raises(ValueError, match=r"colours\.png has shape \(6, 8, 3\)"):
        load_labels(path)


def test_label_map_of_another_size_names_both_files(tmp_path):
    path = saved(np.zeros((6, 9), np.uint8), tmp_path / "l.png")
    with pytest.raises(ValueError, match=r"l\.png has 6 x 9.*its_image\.jpg has 6 x 8"):
        load_labels(path)


def test_scales_of_ade20k_are_those_of_the_paper():
    """Short sides int(51.2 j), j = 5..20, and a cap of 2048 on the long side."""
    config = Config.fromfile(REPOSITORY / "configs/_base_/datasets/ade20k_512x512.py")
    (choice,) = [t for t in config.train_pipeline if t.type == "RandomChoiceResize"]
    expected = [256, 307, 358, 409, 460, 512, 563, 614, 665, 716, 768, 819, 870, 921]
    assert [short for _, short in choice.scales] == [*expected, 972, 1024]
    (resize,) = [t for t in config.test_pipeline if t.type == "Resize"]
    with DefaultScope.overwrite_default_scope("mmseg"):
        resized = TRANSFORMS.build(resize)(dict(img=np.zeros((300, 1500, 3), np.uint8)))
    # 512 / 300 makes the long side 2560: 2048 / 1500 it is, 300 * 1.3653 = 409.6
    assert resized["img"].shape == (410, 2048, 3)
