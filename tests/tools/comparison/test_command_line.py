"""The end of command lines that do comparisons."""

from __future__ import annotations

import signal

import pytest

from comparison.command_line import run


def test_what_is_stopped_ends_its_task_and_leaves_signals_as_they_were():
    before, ended = signal.getsignal(signal.SIGTERM), []

    def task():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            ended.append("jobs")
        return True

    with pytest.raises(SystemExit, match=r"^Stopped\.$"):
        run(task)
    assert ended == ["jobs"]
    assert signal.getsignal(signal.SIGTERM) is before
