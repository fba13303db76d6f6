"""The tool, as a command line runs it."""

from __future__ import annotations

import pytest

from tests.scripts import run_script


@pytest.fixture
def convert(monkeypatch, capsys):
    """Runs the tool and returns what it prints."""

    def run(root, *options):
        capsys.readouterr()
        script = "dataset_converters/to_panoptic.py"
        run_script(monkeypatch, script, root, *options)
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(convert):
    """Runs the tool, which must end in a sentence like this."""

    def run(message, root, *options):
        with pytest.raises(SystemExit, match=message):
            convert(root, *options)

    return run
