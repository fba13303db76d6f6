"""Running a script of `tools/` in this process, as its command line would."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from tests.conftest import REPOSITORY


def run_script(monkeypatch, name: str, *arguments: object) -> None:
    """Run `tools/{name}` with these arguments."""
    path: Path = REPOSITORY / "tools" / name
    monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
    runpy.run_path(str(path), run_name="__main__")
