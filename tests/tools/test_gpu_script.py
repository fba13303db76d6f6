"""The script that runs everything that needs a GPU, tried on the CPU."""

from __future__ import annotations

import json

import pytest

from tests.scripts import run_script


@pytest.mark.slow
@pytest.mark.mmdet
def test_a_part_leaves_its_benchmarks_and_says_how_it_ended(tmp_path, monkeypatch):
    options = ("--tiny", "--parts", "inference", "--out", tmp_path)
    run_script(monkeypatch, "gpu.py", *options)
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["parts"]["inference"]["ended"] == "done"
    assert sorted(found["benchmarks"]) == [f"inference-{k}" for k in range(4)]
    for report in found["benchmarks"].values():
        assert report["check"].startswith("0 of ")
        assert len(report["results"]) == 2  # ours and the peer's
