"""Loading: what is read, and what is said when it cannot be; sizes and resizing."""

from __future__ import annotations

import re

import mmcv
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import TRANSFORMS, DefaultScope
from PIL import Image

from mmseg_maskformer.datasets.transforms.image_loading import LoadImage
from mmseg_maskformer.datasets.transforms.label_maps import LoadLabelMap
from mmseg_maskformer.datasets.transforms.resizing import ResizeWithLabels
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


def test_image_without_label_map_goes_on_as_it_is():
    given = dict(img_path="a.jpg", reduce_zero_label=False, seg_fields=[])
    assert LoadLabelMap()(dict(given)) == given


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
    resize = config.test_pipeline[1]
    assert resize.type == "mmseg_maskformer.ResizeWithLabels"
    with DefaultScope.overwrite_default_scope("mmseg"):
        resized = TRANSFORMS.build(resize)(dict(img=np.zeros((300, 1500, 3), np.uint8)))
    # 512 / 300 makes the long side 2560: 2048 / 1500 it is, 300 * 1.3653 = 409.6
    assert resized["img"].shape == (410, 2048, 3)


def resized(image, labels, loaded=(), **kwargs):
    """Image and labels after `ResizeWithLabels` as a config names it."""
    config = dict(type="mmseg_maskformer.ResizeWithLabels", **kwargs)
    results = dict(loaded, img=image, gt_seg_map=labels, seg_fields=["gt_seg_map"])
    with DefaultScope.overwrite_default_scope("mmseg"):
        results = TRANSFORMS.build(config)(results)
    return results["img"], results["gt_seg_map"]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.int64])
def test_labels_are_those_of_the_floored_source(kind):
    rows, columns = np.mgrid[:3, :5]
    labels = (10 * rows + columns + (300 if kind != np.uint8 else 0)).astype(kind)
    image = np.zeros((3, 5, 3), np.uint8)
    _, found = resized(image, labels, scale=(3, 5))
    # floor(3 i / 5), i < 5, is 0 0 1 1 2; floor(5 i / 3), i < 3, is 0 1 3.
    expected = labels[[0, 0, 1, 1, 2]][:, [0, 1, 3]]
    assert found.dtype == kind
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("size", [(13, 61), (40, 30), (97, 128), (41, 20)])
def test_labels_are_those_of_torch_nearest(size):
    labels = np.random.default_rng(1).integers(0, 847, (40, 60)).astype(np.int32)
    _, found = resized(np.zeros((40, 60, 3), np.uint8), labels, scale=size[::-1])
    peer = torch.nn.functional.interpolate(
        torch.from_numpy(labels).double()[None, None], size=size, mode="nearest"
    )
    assert np.array_equal(found, peer[0, 0].numpy())


PANOPTIC = dict(segments=[(1, 0, True)])  # of LoadPanopticMap


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_panoptic_maps_are_those_of_pillow(kind):
    """The paper's code resizes the PNG, whose three bytes are the id, with Pillow."""
    rng = np.random.default_rng(3)
    for height, width, *size in rng.integers(5, 90, (40, 4)).tolist():
        numbers = rng.integers(0, 256 if kind == np.uint8 else 400, (height, width))
        image = np.stack([numbers % 256, numbers // 256, 0 * numbers], -1).astype("u1")
        peer = Image.fromarray(image).resize(size, Image.Resampling.NEAREST)
        _, found = resized(image, numbers.astype(kind), PANOPTIC, scale=tuple(size))
        assert found.dtype == kind
        assert np.array_equal(found, np.asarray(peer) @ [1, 256, 65536])


def test_panoptic_maps_are_those_of_the_centre():
    line, image = np.arange(4, dtype=np.uint8)[None], np.zeros((1, 4, 3), np.uint8)
    # floor((i + 1/2) 4 / 2), i < 2, is 1 3; floor(4 i / 2) is 0 2.
    assert resized(image, line, PANOPTIC, scale=(2, 1))[1].tolist() == [[1, 3]]
    assert resized(image, line, scale=(2, 1))[1].tolist() == [[0, 2]]


@pytest.mark.parametrize(("options", "value"), [({}, 127.5), ({"backend": "cv2"}, 0)])
def test_shrunk_image_is_averaged_by_pillow_alone(options, value):
    """Columns 255 0 0 255, shrunk by 4.

    Pillow weighs the columns at distances 0.5, 1.5, 2.5, 3.5 from the centre on either
    side with 0.875, 0.625, 0.375, 0.125; the second and third of each side are white:
    255 (0.625 + 0.375) / 2 = 127.5. OpenCV takes the two nearest, which are black.
    """
    columns = np.tile(np.uint8([255, 0, 0, 255]), 6)
    image = np.broadcast_to(columns[None, :, None], (24, 24, 3)).copy()
    found, _ = resized(image, labels=None, scale=(6, 6), **options)
    assert found.shape == (6, 6, 3)
    np.testing.assert_allclose(found[:, 1:-1], value, atol=0.5)


@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [
        ((300, 1500), (2048, 512), (410, 2048)),  # 300 * 2048 / 1500 = 409.6
        ((375, 500), (2048, 307), (307, 409)),  # 500 * 307 / 375 = 409.33
        ((683, 1024), (2048, 512), (512, 768)),  # 1024 * 512 / 683 = 767.63
        ((1000, 333), (2048, 256), (769, 256)),  # 1000 * 256 / 333 = 768.77
        ((1, 3000), (100, 100), (1, 100)),  # 1 * 100 / 3000 = 0.03, and one at least
        ((3000, 1), (100, 100), (100, 1)),
    ],
)
def test_kept_ratio_rounds_halves_up_and_obeys_the_cap(size, scale, expected):
    labels = np.full(size, 846, np.int32)
    image = np.zeros((*size, 3), np.uint8)
    image, labels = resized(image, labels, scale=scale, keep_ratio=True)
    assert image.shape[:2] == labels.shape == expected


def paper_size(height, width, short, cap):
    """The rule of the paper's code: the short side first, then the cap."""
    factor = short / min(height, width)
    sides = height * factor, width * factor
    if max(sides) > cap:
        sides = [side * (cap / max(sides)) for side in sides]
    return tuple(int(side + 0.5) for side in sides)


def test_host_sizes_are_those_of_the_paper():
    rng = np.random.default_rng(2)
    for height, width, short in rng.integers(150, 1200, (5000, 3)).tolist():
        host = mmcv.rescale_size((width, height), (2048, short))[::-1]
        assert host == paper_size(height, width, short, cap=2048)


def test_random_choice_resize_passes_its_arguments_on():
    config = dict(
        type="RandomChoiceResize",
        scales=[(64, 20)],
        resize_type="mmseg_maskformer.ResizeWithLabels",
        keep_ratio=True,
    )
    with DefaultScope.overwrite_default_scope("mmseg"):
        transform = TRANSFORMS.build(config)
    labels = np.repeat(np.int32([[300, 846, 65535]]), 10, axis=0)
    image = np.zeros((10, 3, 3), np.uint8)
    results = transform(dict(img=image, gt_seg_map=labels, seg_fields=["gt_seg_map"]))
    # 20 / 3 would make the long side 66.7: 64 / 10 it is, 3 * 6.4 = 19.2
    assert results["img"].shape == (64, 19, 3)
    # floor(3 i / 19): 0 for i < 7 (18 / 19), 1 for i < 13 (36 / 19), 2 for the rest
    expected = [300] * 7 + [846] * 6 + [65535] * 6
    assert results["gt_seg_map"].tolist() == [expected] * 64
    assert isinstance(transform.resize, ResizeWithLabels)
