"""Preparation in general: it can be stopped and repeated, and checks what it wrote."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from PIL import Image

from dataset_converters import preparation
from dataset_converters.preparation import Sample, prepare, run_tool, write_whole


def convert(sample):
    """Copy both files."""
    write_whole(sample.new_image, sample.image.read_bytes())
    write_whole(sample.new_labels, sample.labels.read_bytes())


@pytest.fixture
def samples(tmp_path):
    """Image k, of 4 x (k + 1) pixels, is all of class k."""
    (tmp_path / "released").mkdir()
    found = []
    for k in range(3):
        sample = Sample(
            image=tmp_path / "released" / f"{k}.jpg",
            labels=tmp_path / "released" / f"{k}.png",
            new_image=tmp_path / "images" / "val" / f"{k}.jpg",
            new_labels=tmp_path / "labels" / "val" / f"{k}.png",
        )
        Image.new("RGB", (k + 1, 4)).save(sample.image)
        Image.new("L", (k + 1, 4), k).save(sample.labels)
        found.append(sample)
    return found


def prepared(samples, workers=1, convert=convert):
    return prepare(convert, samples, num_classes=5, ignored=255, workers=workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_report_counts_images_and_classes(samples, workers):
    assert prepared(samples, workers=workers) == (
        "val: 3 images, each with a label map of its size; every label is within 0..4 "
        "or 255 (ignored), and 3 of the 5 classes occur."
    )
    for sample in samples:
        assert sample.new_image.read_bytes() == sample.image.read_bytes()
        assert sample.new_labels.read_bytes() == sample.labels.read_bytes()


def test_repetition_does_only_what_is_missing(samples, capsys):
    prepared(samples)
    samples[1].new_labels.unlink()
    done = []
    prepared(samples, convert=lambda sample: (done.append(sample), convert(sample)))
    assert done == [samples[1]]
    assert "Converting 1 images, 2 are finished" in capsys.readouterr().out
    prepared(samples, convert=None)  # nothing left: it is not called


def test_interrupted_work_is_taken_up(samples):
    def interrupted(sample):
        if sample is samples[1]:
            write_whole(sample.new_image, sample.image.read_bytes())
            raise KeyboardInterrupt
        convert(sample)

    with pytest.raises(KeyboardInterrupt):
        prepared(samples, convert=interrupted)
    assert [sample.finished for sample in samples] == [True, False, False]
    assert "3 images" in prepared(samples)


def test_file_has_its_name_only_when_it_is_complete(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "a.png"

    def power_cut(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(preparation.Path, "replace", power_cut)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"content")
    names = [found.name for found in path.parent.iterdir()]
    assert names == ["a.png.unfinished"]  # ends with no suffix that a data set loads


def test_unfinished_files_are_cleared_away(samples):
    prepared(samples)
    rest = samples[0].new_labels.with_name("9.png.unfinished")
    rest.write_bytes(b"half")
    prepared(samples)
    assert not rest.exists()


def test_other_images_in_the_folder_are_named(samples):
    prepared(samples)
    other = samples[0].new_image.with_name("other.jpg")
    other.write_bytes(samples[0].image.read_bytes())
    with pytest.raises(OSError, match=f"{re.escape(str(other))} belongs to no image"):
        prepared(samples)


def test_wrong_label_is_named(samples):
    prepared(samples)
    path = samples[2].new_labels
    Image.fromarray(np.uint8([[7, 255, 4]] * 4)).save(path)
    message = f"{path} holds the label 7, neither a class 0..4 nor the ignored 255"
    with pytest.raises(ValueError, match=re.escape(message)):
        prepared(samples)


def test_unequal_sizes_are_named(samples):
    prepared(samples)
    Image.new("L", (5, 4)).save(samples[0].new_labels)
    with pytest.raises(ValueError, match=r"0\.png has 4 x 5 .*0\.jpg has 4 x 1"):
        prepared(samples)


def test_size_is_that_after_the_camera_turned(samples):
    """The loader turns the image, so the label map is of the turned one."""
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    Image.new("RGB", (4, 2)).save(samples[1].image, exif=exif)
    assert "3 images" in prepared(samples)


def test_incomplete_label_map_is_named(samples):
    prepared(samples)
    path = samples[0].new_labels
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(OSError, match=f"{re.escape(str(path))} cannot be read"):
        prepared(samples)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (KeyboardInterrupt(), "Stopped. The same command goes on"),
        (OSError("a.jpg does not exist."), "a.jpg does not exist."),
    ],
)
def test_command_line_ends_with_a_sentence(monkeypatch, error, sentence):
    def failing(root, workers):
        raise error

    monkeypatch.setattr(sys, "argv", ["tool.py", "somewhere", "--workers", "3"])
    with pytest.raises(SystemExit, match=sentence):
        run_tool(failing, description="", root="")
