"""What arguments of the scripts mean."""

from __future__ import annotations

import argparse
import atexit
import os
import re
from functools import partial

import pytest

from mmseg_maskformer.engine.arguments import (
    add_cfg_options,
    at_least_one,
    device_name,
    image_size,
    not_negative,
    output_file,
    output_folder,
    require_checkpoint,
)
from tests.conftest import REPOSITORY


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=image_size, default="4096")
    parser.add_argument("--out", type=output_file, default="x.png")
    parser.add_argument("--device", type=device_name)
    parser.add_argument("--folder", type=output_folder)
    parser.add_argument("--some", type=at_least_one)
    parser.add_argument("--any", type=not_negative)
    add_cfg_options(parser)
    return parser


@pytest.mark.parametrize(
    ("text", "size"),
    [("512x1024", (512, 1024)), ("80", (80, 80)), (None, (4096, 4096))],
)
def test_sizes_are_height_and_width(parser, text, size):
    assert parser.parse_args(["--size", text] if text else []).size == size


@pytest.mark.parametrize("text", ["0", "12x", "x12", "1x2x3", "512,512", "-4", "1e3"])
def test_what_is_no_size_is_a_sentence(parser, text, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args([f"--size={text}"])
    assert f"{text!r} is no size; write height and width" in capsys.readouterr().err


def test_folders_of_outputs_are_made_before_the_work(parser, tmp_path):
    path = tmp_path / "new" / "folder" / "x.png"
    assert parser.parse_args(["--out", str(path)]).out == path
    assert path.parent.is_dir()
    assert not path.exists()


def test_a_folder_without_a_file_goes_at_the_end(parser, tmp_path, monkeypatch):
    """A folder that was there stays."""
    ends = []
    monkeypatch.setattr(atexit, "register", lambda f, *x: ends.append(partial(f, *x)))
    old, used = tmp_path / "old", tmp_path / "used"
    old.mkdir()
    asked = ["--folder", str(old / "new/inner"), "--out", str(used / "x.png")]
    parser.parse_args(asked).out.touch()
    assert (old / "new/inner").is_dir()
    for end in ends:
        end()
    assert sorted(tmp_path.rglob("*")) == [old, used, used / "x.png"]


def test_what_cannot_be_a_folder_is_a_sentence(parser, tmp_path, monkeypatch, capsys):
    new = tmp_path / "a" / "b"
    assert parser.parse_args(["--folder", str(new)]).folder == new
    assert new.is_dir()
    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "access", lambda path, _: path != new)
    for option, path, said in (
        ("--folder", tmp_path / "file", "file cannot be made (File exists); name ano"),
        ("--folder", new, f"the folder {new} may not be written to; name another"),
        ("--out", new / "x.png", f"the folder {new} may not be written to; name"),
    ):
        with pytest.raises(SystemExit):
            parser.parse_args([option, str(path)])
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(("option", "least"), [("--some", 1), ("--any", 0)])
def test_what_is_no_number_of_things_is_a_sentence(parser, option, least, capsys):
    found = parser.parse_args([option, str(least)])
    assert getattr(found, option[2:]) == least
    for text in (str(least - 1), "1.5", "many"):
        with pytest.raises(SystemExit):
            parser.parse_args([f"{option}={text}"])
        said = f"argument {option}: {text!r} is no whole number from {least}."
        assert said in capsys.readouterr().err


def test_scripts_leave_no_number_of_things_unchecked():
    scripts = [x.read_text() for x in (REPOSITORY / "tools").rglob("*.py")]
    found = re.findall(r'"([\w-]+)",\s*type=int', "".join(scripts))
    labels = {"--void", "--void-id", "--queries"}  # values, and places in a list
    assert {*found} == {"--port", "--seed", "--seeds", *labels}
    assert len(re.findall(r"type=int\b", "".join(scripts))) == len(found)


def test_what_cannot_be_a_file_is_a_sentence(parser, tmp_path, capsys):
    (tmp_path / "file").touch()
    for text, said in (
        (f"{tmp_path}/file/x.png", "cannot be made (File exists); name another"),
        (tmp_path, f"{tmp_path} is a folder; name a file in it"),
        (f"{tmp_path}/new/", "new/ is a folder; name a file in it"),
    ):
        with pytest.raises(SystemExit):
            parser.parse_args(["--out", str(text)])
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["graphics", "cpu:x", "cuda:99"])
def test_a_device_that_is_not_there_is_a_sentence(parser, text, capsys):
    assert parser.parse_args(["--device", "cpu"]).device == "cpu"
    with pytest.raises(SystemExit):
        parser.parse_args(["--device", text])
    said = capsys.readouterr().err
    assert f"{text!r} is no device that PyTorch has here (" in said
    assert said.endswith("); name cpu, or cuda where there is a GPU.\n")


def test_overrides_are_values_and_none_is_empty(parser):
    given = ["--cfg-options", "a.b=3", "c=(1, 2)"]
    assert parser.parse_args(given).cfg_options == {"a.b": 3, "c": (1, 2)}
    assert parser.parse_args([]).cfg_options == {}


def test_missing_checkpoint_is_a_sentence_and_an_address_none():
    with pytest.raises(FileNotFoundError, match=r"no checkpoint file nowhere\.pth"):
        require_checkpoint("nowhere.pth")
    require_checkpoint("maskformer://ade20k-150/maskformer_R50_bs16_160k")
