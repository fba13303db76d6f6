"""ADE20K-Full: from a release of three images to samples of the data set."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dataset_converters.ade20k_full import (
    labels_of_colours,
    prepare_ade20k_full,
    shrunk_size,
)
from tests.conftest import REPOSITORY
from tests.datasets import prepared
from tests.scripts import run_script

TOOL = "dataset_converters/ade20k_full.py"
WALL, SKY, LAST = (110, 162), (90, 116), (120, 76)  # 11 * 256 + 162 = 2978; 2420; 3148
OTHER, NOTHING = (0, 1), (0, 0)  # object 1 is none of the 847 classes


def colours(codes):
    """A label map (H, W, 3) of the release; blue, the instance, is noise."""
    codes = np.asarray(codes, dtype=np.uint8)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (*codes.shape[:2], 1), dtype=np.uint8)
    return np.concatenate([codes, noise], axis=2)


def add(root, folder, name, image, codes, exif=None):
    """An image of the release with its label map and what else lies beside it."""
    folder = root / "images" / "ADE" / folder
    (folder / name).mkdir(parents=True)
    Image.fromarray(colours([[NOTHING]])).save(folder / name / "instance_000.png")
    Image.fromarray(image).save(folder / f"{name}.jpg", exif=exif or Image.Exif())
    Image.fromarray(colours(codes)).save(folder / f"{name}_seg.png")
    Image.fromarray(colours([[WALL]])).save(folder / f"{name}_parts_1.png")


@pytest.fixture
def root(tmp_path):
    """A release with two images for training and one for validation."""
    grey = np.full((2, 3, 3), 90, np.uint8)
    small = [[WALL, SKY, LAST], [OTHER, NOTHING, SKY]]
    add(tmp_path, "training/urban/street", "ADE_train_00000001", grey, small)
    add(tmp_path, "training/urban/street", "ADE_frame_00000007", grey, small)
    large = np.zeros((1024, 1100, 3), np.uint8)
    large[:, 550:] = 255
    halves = np.where(np.arange(1100)[None, :, None] < 551, WALL, LAST)
    halves = halves.repeat(1024, axis=0)
    add(tmp_path, "validation/home/attic", "ADE_val_00000001", large, halves)
    return tmp_path


def dataset(root, split, pipeline=()):
    return prepared.prepared(
        "mmseg_maskformer.ADE20KFullDataset", root, split, pipeline
    )


def test_release_becomes_samples_of_the_data_set(root, monkeypatch, capsys):
    run_script(monkeypatch, TOOL, root, "--workers", 2)
    printed = capsys.readouterr().out
    assert "Converting 3 images, 0 are finished" in printed
    rest = "every label is within 0..846 or 65535 (ignored), and"
    head = "images, each with a label map of its size;"
    assert f"training: 2 {head} {rest} 3 of the 847 classes occur." in printed
    assert f"validation: 1 {head} {rest} 2 of the 847 classes occur." in printed
    names = [info["img_path"].rsplit("/", 1)[1] for info in dataset(root, "training")]
    assert names == ["ADE_frame_00000007.jpg", "ADE_train_00000001.jpg"]
    for sample in dataset(root, "training"):
        assert sample["gt_seg_map"].tolist() == [[0, 2, 846], [65535, 65535, 2]]
        assert np.abs(sample["img"].astype(int) - 90).max() <= 1


def test_large_images_are_shrunk(root):
    prepare_ade20k_full(root)
    (sample,) = dataset(root, "validation")
    # 1024 becomes 512, 1100 becomes 550; pixel i <= 275 is source pixel 2 i < 551.
    assert sample["img"].shape == (512, 550, 3)
    expected = np.where(np.arange(550) <= 275, 0, 846)
    assert np.array_equal(sample["gt_seg_map"], np.tile(expected, (512, 1)))
    assert sample["img"][:, :264].max() < 5  # JPEG's blocks of 16 end at 272
    assert sample["img"][:, 288:].min() > 250


def test_label_maps_are_tiff_of_16_bits(root):
    prepare_ade20k_full(root)
    folder = root / "annotations_detectron2" / "training"
    with Image.open(folder / "ADE_train_00000001.tif") as labels:
        assert labels.format == "TIFF"
        assert labels.mode == "I;16"


def test_every_class_has_its_code():
    """Red holds floor(index / 256) in tens, and a unit that does not count."""
    table = (
        REPOSITORY / "mmseg_maskformer/datasets/classes/ade20k_847.tsv"
    ).read_text()
    rows = [line.split("\t") for line in table.splitlines()[1:]]
    index = np.array([int(row[1]) for row in rows])
    red, green = index // 256 * 10, index % 256
    for unit in (0, 9):
        codes = np.stack([red + unit, green, green], axis=-1).astype(np.uint8)[None]
        assert labels_of_colours(codes).tolist() == [list(range(847))]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((512, 2000), (512, 2000)),  # the short side is not larger than 512
        ((513, 400), (513, 400)),
        ((600, 1000), (512, 853)),  # 1000 / 600 * 512 = 853.33
        ((1300, 768), (867, 512)),  # 1300 / 768 * 512 = 866.67
        ((1024, 1024), (512, 512)),
    ],
)
def test_short_side_becomes_512(size, expected):
    assert shrunk_size(*size) == expected


@pytest.mark.parametrize("turn_labels", [True, False])
def test_label_map_says_whether_the_camera_turned(tmp_path, turn_labels):
    """Some label maps are of the image as it is shown, others of it as it is stored."""
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate clockwise by 90 degrees
    image = np.zeros((16, 32, 3), np.uint8)
    image[:, 16:] = 255
    codes = np.broadcast_to(WALL, (32, 16, 2) if turn_labels else (16, 32, 2))
    add(tmp_path, "training", "ADE_train_00000001", image, codes, exif)
    prepare_ade20k_full(tmp_path)
    (sample,) = dataset(tmp_path, "training")
    expected = np.rot90(image, -1) if turn_labels else image
    assert np.abs(sample["img"].astype(int) - expected).max() <= 2
    assert sample["gt_seg_map"].shape == expected.shape[:2]


def test_label_map_of_another_size_names_both_files(root):
    folder = root / "images" / "ADE" / "validation" / "home" / "attic"
    Image.fromarray(colours([[WALL]])).save(folder / "ADE_val_00000001_seg.png")
    message = r"_00000001_seg\.png has 1 x 1 .*_00000001\.jpg has 1024 x 1100"
    with pytest.raises(ValueError, match=message):
        prepare_ade20k_full(root)


def test_label_map_without_colours_is_refused(root):
    folder = root / "images" / "ADE" / "validation" / "home" / "attic"
    Image.new("L", (1100, 1024)).save(folder / "ADE_val_00000001_seg.png")
    with pytest.raises(ValueError, match=r"_seg\.png has shape \(1024, 1100\)"):
        prepare_ade20k_full(root)


def test_missing_label_map_is_named(root):
    missing = next(root.rglob("ADE_frame_00000007_seg.png"))
    missing.unlink()
    with pytest.raises(OSError, match=f"{missing} does not exist. Unpack"):
        prepare_ade20k_full(root)


def test_missing_images_are_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match=f"{tmp_path}/images does not exist: it is"):
        run_script(monkeypatch, TOOL, tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(SystemExit, match=r"images holds no \*\.jpg"):
        run_script(monkeypatch, TOOL, tmp_path)


def test_equal_names_in_two_folders_are_refused(root):
    black = np.zeros((1, 1, 3), np.uint8)
    add(root, "training/work/shop", "ADE_train_00000001", black, [[WALL]])
    with pytest.raises(ValueError, match="have the same name and would both become"):
        prepare_ade20k_full(root)
