"""Running a script of `tools/` as its command line would, here or in a process."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY


def run_script(monkeypatch, name: str, *arguments: object) -> None:
    """Run `tools/{name}` with these arguments in this process."""
    path: Path = REPOSITORY / "tools" / name
    monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
    runpy.run_path(str(path), run_name="__main__")


def run_tool(*command: object) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, at the root of the checkout."""
    environment = dict(os.environ, PYTHONPATH=str(REPOSITORY))
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
