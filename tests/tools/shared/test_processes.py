"""A function of many things, in several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from shared.processes import results_of
from tests.conftest import REPOSITORY

WAITING = """
from shared.processes import results_of
work = ["print('begun', flush=True)", "__import__('time').sleep(600)"]
list(results_of(exec, work, 2))
"""


def square(number):
    return number**2


def end_at_three(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_keep_the_order_of_the_items(workers):
    found = list(results_of(square, range(7), workers))
    assert found == [0, 1, 4, 9, 16, 25, 36]


def test_a_process_that_is_ended_from_outside_ends_all_with_a_sentence():
    wanted = "one of 2 processes was ended from outside, .* fewer --workers"
    with pytest.raises(ChildProcessError, match=wanted):
        list(results_of(end_at_three, range(7), workers=2))


def test_processes_end_with_the_one_that_waits_for_them(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tools"))
    command = [sys.executable, "-c", WAITING]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"begun\n"
        process.kill()
        process.communicate(timeout=60)  # until nobody is left who could write
