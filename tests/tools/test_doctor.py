"""The doctor names the fault of a broken folder, and nothing in a sound one."""

from __future__ import annotations

import csv
import json
import logging
import shutil

import numpy as np
import pytest
from mmengine.logging import MMLogger
from PIL import Image

from tests.conftest import REPOSITORY
from tests.helpers.doctor import examine, square
from tests.scripts import run_script

CAMVID = REPOSITORY / "configs/maskformer/maskformer_r18_1xb4-4k_camvid-256x256.py"
SAME = ["train_dataloader.dataset.pipeline.2.scale=(32,24)"]
NUCLEI = "maskformer/maskformer_r18-6enc_1xb4-5k_dsb2018-instance.py"


@pytest.fixture
def folder(tmp_path):
    """Six photos in training and two in validation, with classes 0, 1 and void, 255.

    All get darker to the right, as photos of one kind do, and have noise of their own.
    """
    rng = np.random.default_rng(0)
    light = np.linspace(128, 0, 32, dtype=np.uint8)[:, None]
    for split, count in (("train", 6), ("val", 2)):
        images, labels = (tmp_path / f"{x}/{split}" for x in ("images", "annotations"))
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for index in range(count):
            pixels = light + rng.integers(0, 128, (24, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(images / f"{index}.png")
            classes = np.zeros((24, 32), dtype=np.uint8 if index else np.uint16)
            classes[6:18] = 1
            classes[:, :8] = 255
            Image.fromarray(classes).save(labels / f"{index}.png")
    return tmp_path


def test_a_sound_folder_gets_no_finding_and_its_numbers(folder, monkeypatch, capsys):
    status, found, report = examine(monkeypatch, capsys, folder, folder / "out")
    assert (status, found) == (0, [])
    assert "6 train, 2 val. Nothing to report." in report
    assert "Values 0-1, 255; void on 25.0 % of pixels. num_classes=2" in report
    assert "2.00 classes in the mean image of train (median 2, 2 to 2)." in report
    # 12 of 24 rows of the three quarters that are not void
    assert "| 1 | 6 | 2 | 50.0000 |" in report
    rows = list(csv.DictReader((folder / "out/classes.csv").open()))
    assert [x["label"] for x in rows] == ["0", "1"]
    assert rows[1] == {
        "label": "1",
        "name": "",
        "train images": "6",
        "val images": "2",
        "% of train pixels": "50.0000",
    }


def truncated(folder):
    path = folder / "images/train/0.png"
    path.write_bytes(path.read_bytes()[:300])


def empty(folder):
    (folder / "annotations/train/1.png").write_bytes(b"")


def lost(folder):
    (folder / "annotations/train/2.png").unlink()


def unlabelled(folder):
    (folder / "annotations").rename(folder / "id_maps")


def turned(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = folder / "images/train/3.png"
    Image.open(path).save(path, exif=exif)


def coloured(folder):
    path = folder / "annotations/train/4.png"
    Image.open(path).convert("RGB").save(path)


def black_and_white(folder):
    for path in (folder / "annotations").rglob("*.png"):
        labels = np.array(Image.open(path))
        Image.fromarray(np.where(labels == 1, 255, 0).astype(np.uint8)).save(path)


def copied(folder):
    for kind in ("images", "annotations"):
        shutil.copy(folder / kind / "train/5.png", folder / kind / "val/new.png")


def deep(folder):
    path = folder / "images/train/0.png"
    grey = np.array(Image.open(path).convert("L")).astype(np.uint16) * 256
    Image.fromarray(grey).save(path)


@pytest.mark.parametrize(
    ("damage", "said", "name"),
    [
        (truncated, ["error: 1 file(s) cannot be read"], "train/0.png"),
        (empty, ["error: 1 file(s) cannot be read"], "1.png: the file is empty"),
        (lost, ["error: 1 file(s) have no partner"], "images/train/2.png"),
        (unlabelled, ["warning: There are no label maps"], "sought in annotations, "),
        (
            turned,
            [
                "error: 1 label map(s) have another size than their image",
                "warning: 1 image(s) have an EXIF orientation",
            ],
            "3.png 32x24",
        ),
        (
            coloured,
            ["error: 1 label map(s) that hold no numbers of classes. The label map "],
            "annotations/train/4.png has shape (24, 32, 3) and type uint8; ",
        ),
        (black_and_white, ["error: Label maps hold 0 and 255 only"], "Write 1 for 255"),
        (copied, ["error: 1 validation image(s) are in training too"], "train/5.png"),
        (deep, ["warning: 1 image(s) have 16 bits"], "images/train/0.png"),
    ],
    ids=lambda x: getattr(x, "__name__", None),
)
def test_a_fault_is_named_alone(damage, said, name, folder, monkeypatch, capsys):
    damage(folder)
    status, found, report = examine(monkeypatch, capsys, folder, folder / "out")
    assert [x[: len(y)] for x, y in zip(found, said, strict=True)] == said
    assert status == any(x.startswith("error") for x in said)
    assert name in report


def test_a_report_is_written_where_no_training_label_can_be_read(
    folder, monkeypatch, capsys
):
    for path in (folder / "annotations/train").iterdir():
        path.write_bytes(b"")
    (folder / "out").mkdir()
    for name in ("classes.csv", "pipeline.png", "report.md"):  # of other data
        (folder / "out" / name).touch()
    status, found, report = examine(monkeypatch, capsys, folder, folder / "out")
    assert status == 1
    assert found[0].startswith("error: 6 file(s) cannot be read.")
    assert "## Classes" not in report
    assert [x.name for x in (folder / "out").iterdir()] == ["report.md"]


def test_a_reencoded_copy_is_alike(folder, monkeypatch, capsys):
    pixels = np.random.default_rng(1).integers(0, 256, (3, 4, 1), dtype=np.uint8)
    smooth = np.kron(pixels, np.ones((8, 8, 3), np.uint8))
    Image.fromarray(smooth).save(folder / "images/train/5.png")
    Image.fromarray(smooth).save(folder / "images/val/1.jpg", quality=10)
    (folder / "images/val/1.png").unlink()
    _, found, report = examine(monkeypatch, capsys, folder, folder / "out")
    assert len(found) == 1
    assert "1 validation image(s) look like one in training" in found[0]
    assert "val/1.jpg ~ " in report


def camvid_of(folder):
    """Options with which CamVid's config reads the folder: two classes, own sizes."""
    parts = [f"data_root={folder}", "img_suffix=.png", "metainfo.classes=(a,b)"]
    parts.append("type=mmseg_maskformer.LabelMapDataset")
    loaders = ("train_dataloader", "val_dataloader")
    options = [f"{loader}.dataset.{part}" for loader in loaders for part in parts]
    return ["model.decode_head.num_classes=2", *options, *SAME]


def test_a_config_names_values_that_are_no_class(folder, monkeypatch, capsys):
    path = folder / "annotations/val/0.png"
    labels = np.array(Image.open(path))
    labels[0, 10:12] = 7
    Image.fromarray(labels).save(path)
    options = ["--pictures", "0", "--cfg-options", *camvid_of(folder)]
    status, found, report = examine(
        monkeypatch, capsys, CAMVID, folder / "out", *options
    )
    assert status == 1
    assert "values that are none of the 2 classes: 7." in found[0]
    assert "val/0.png: 7" in report
    # the values of another class are no class of training either
    assert len(found) == 2


def test_a_config_that_resizes_in_training_alone_is_warned(folder, monkeypatch, capsys):
    """32 x 24 pixels become 480 x 360, and stay 32 x 24 in evaluation."""
    fixed = "train_dataloader.dataset.pipeline.2.ratio_range=(1.0,1.0)"
    options = ["--pictures", "0", "--cfg-options", *camvid_of(folder)[:-1], fixed]
    _, found, _ = examine(monkeypatch, capsys, CAMVID, folder / "out", *options)
    (line,) = found
    assert line.startswith(
        "warning: Training shows images at 15 times the size of their files, evaluation"
        " at 1 (medians): in evaluation objects are 15.0 times smaller than in training"
    )


def test_classes_are_those_that_the_data_set_makes_of_labels(
    folder, monkeypatch, capsys
):
    """Of CamVid's classes the second alone: 1 becomes 0, and 0 is left out."""
    loaders = ("train_dataloader", "val_dataloader")
    parts = (f"data_root={folder}", "img_suffix=.png", "metainfo.classes=(building,)")
    options = [f"{loader}.dataset.{part}" for loader in loaders for part in parts]
    options += ["model.decode_head.num_classes=1", *SAME]
    options = ["--pictures", "0", "--cfg-options", *options]
    _, found, report = examine(monkeypatch, capsys, CAMVID, folder / "out", *options)
    # of 24 x 32 pixels 12 x 24 are left
    assert [x[:41] for x in found] == ["warning: 62.5 % of all pixels are void: n"]
    assert "1.00 classes in the mean image of train (median 1, 1 to 1)." in report
    assert "| building | 6 | 2 | 100.0000 |" in report


def test_what_has_no_files_is_refused(tmp_path, monkeypatch):
    config = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"
    with pytest.raises(SystemExit, match=r"^ScenesDataset draws its images; there"):
        run_script(monkeypatch, "doctor.py", config, "--out", tmp_path)


def test_what_a_data_set_refuses_or_warns_of_is_told(folder, monkeypatch, capsys):
    (folder / "images/train/0.png").rename(folder / "images/train/0.PNG")
    shutil.rmtree(folder / "images/val")
    options = ["--pictures", "0", "--cfg-options", *camvid_of(folder)]
    logger = MMLogger.get_current_instance()
    monkeypatch.setattr(logger, "level", logger.level)  # restored afterwards
    logger.setLevel("ERROR")  # what the log shows makes no difference
    status, found, _ = examine(monkeypatch, capsys, CAMVID, folder / "out", *options)
    assert logger.level == logging.ERROR
    assert status == 1
    assert found[0].startswith("error: val: ") and "images/val" in found[0]
    assert found[1].startswith("warning: train: ")
    assert "5 images *.png are taken, 1 *.PNG are not" in found[1]


def test_a_config_without_any_images_is_told_that_alone(folder, monkeypatch, capsys):
    shutil.rmtree(folder / "images")
    options = ["--pictures", "0", "--cfg-options", *camvid_of(folder)]
    _, found, _ = examine(monkeypatch, capsys, CAMVID, folder / "out", *options)
    assert [x[:32] for x in found] == [
        "error: train: There is no folder",
        "error: val: There is no folder /",
    ]


@pytest.mark.mmdet
@pytest.mark.parametrize(
    ("scale", "small"),  # of evaluation: half of 32 x 24 pixels, or 11 times them
    [("(16,12)", True), ("(352,264)", False)],
)
def test_crowds_small_objects_and_queries(scale, small, folder, monkeypatch, capsys):
    """Three squares of 3 pixels an image, all painted as crowds in training."""
    for split, crowd in (("train", 1), ("val", 0)):
        names = sorted(x.name for x in (folder / "images" / split).iterdir())
        images = [
            dict(id=i, file_name=name, height=24, width=32)
            for i, name in enumerate(names, start=1)
        ]
        rows = [
            dict(square(x), id=3 * i + k, image_id=i, category_id=1, iscrowd=crowd)
            for i in range(1, len(names) + 1)
            for k, x in enumerate((2, 10, 20))
        ]
        content = dict(
            images=images, annotations=rows, categories=[dict(id=1, name="nucleus")]
        )
        (folder / f"instances_{split}.json").write_text(json.dumps(content))
    options = ["--pictures", "0", "--cfg-options", "val_evaluator=None"]
    for split in ("train", "val"):
        options.append(f"{split}_dataloader.dataset.data_root={folder}/")
    options.append("model.decode_head.network.transformer_decoder.num_queries=2")
    options.append(f"val_dataloader.dataset.pipeline.2.scale={scale}")
    status, found, report = examine(
        monkeypatch, capsys, REPOSITORY / "configs" / NUCLEI, folder / "out", *options
    )
    assert status == 1
    text = "\n".join(found)
    assert "18 of 24 objects are marked as crowds" in text
    assert "8 image(s) hold more segments than the model has queries (2): 3" in text
    # 9 / 4 pixels of each box against 16 of a cell; crowds are not counted
    assert ("6 of 6 objects (100.0 %) are smaller than a cell" in text) == small
    assert ("in training, 0.5 times in evaluation." in text) == small
    assert (
        "| square root of the area of a box, pixels of the file | 3 | 3 | 3 | 3 | 3 |"
        in report
    )
