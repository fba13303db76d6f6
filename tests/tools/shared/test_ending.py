"""Scripts end in a sentence where what they are given is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmseg_maskformer.core.argument_checks import check_counts
from shared import ending
from shared.ending import ending_in_sentences
from tests.scripts import run_script

ANALYSES = (
    *("attention", "calibration", "errors", "layers", "prediction_sheet", "queries"),
    *("speed", "thresholds"),
)
ASKED = {
    **dict.fromkeys(("train", "doctor", "compare", "analysis/complexity"), "none.py"),
    **dict.fromkeys(("test", *(f"analysis/{x}" for x in ANALYSES)), "none.py x.pth"),
    "convert_checkpoint": "x.pth y.pth --config none.py",
    "predict": "none.py x.pth x.png",
}


@pytest.mark.parametrize("name", ASKED)
def test_a_config_that_is_not_there_is_a_sentence(monkeypatch, tmp_path, name):
    (tmp_path / "x.png").touch()
    monkeypatch.chdir(tmp_path)  # outputs have names of their own
    with pytest.raises(SystemExit, match=r"^\n?There is no config file none\.py "):
        run_script(monkeypatch, f"{name}.py", *ASKED[name].split())


def test_what_other_code_raises_keeps_its_traceback():
    with pytest.raises(SystemExit, match="num_queries"), ending_in_sentences():
        check_counts(num_queries=0)
    with pytest.raises(json.JSONDecodeError), ending_in_sentences():
        json.loads("{")
    with pytest.raises(SystemExit, match="none"), ending_in_sentences():
        Path("none").read_bytes()
    with pytest.raises(SystemExit), ending_in_sentences(json.JSONDecodeError):
        json.loads("{")


def test_mistakes_in_our_lines_keep_their_traceback(monkeypatch):
    monkeypatch.setattr(ending, "_OURS", [Path(__file__).parent])
    with pytest.raises(ValueError, match="invalid literal"), ending_in_sentences():
        int("x")
    with pytest.raises(SystemExit, match="a sentence"), ending_in_sentences():
        raise ValueError("a sentence")
