"""A run of the doctor."""

from __future__ import annotations

import pytest

from tests.scripts import run_script


def examine(monkeypatch, capsys, source, *options):
    """Exit status, the lines of findings, and the report."""
    out = source.parent / "doctor" if source.suffix else source.with_name("doctor")
    out = options[0] if options else out
    arguments = [source, "--out", out, "--workers", "1", *options[1:]]
    with pytest.raises(SystemExit) as ended:
        run_script(monkeypatch, "doctor.py", *arguments)
    lines = capsys.readouterr().out.splitlines()
    found = [x for x in lines if x.startswith(("error", "warning"))]
    return int(ended.value.code), found, (out / "report.md").read_text()


def square(x):
    """An object of COCO, 3 pixels wide and high, with its left upper corner at x, 2."""
    outline = [x, 2, x + 3, 2, x + 3, 5, x, 5]
    return dict(area=9, bbox=[x, 2, 3, 3], segmentation=[outline])
