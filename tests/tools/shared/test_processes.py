"""A function of many things, in several processes."""

from __future__ import annotations

import os
import signal

import pytest

from shared.processes import results_of


def square(number):
    return number**2


def end_at_three(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_keep_the_order_of_the_items(workers):
    found = list(results_of(square, range(7), workers, chunksize=2))
    assert found == [0, 1, 4, 9, 16, 25, 36]


def test_a_process_that_is_ended_from_outside_ends_all_with_a_sentence():
    wanted = "one of 2 processes was ended from outside, .* fewer --workers"
    with pytest.raises(ChildProcessError, match=wanted):
        list(results_of(end_at_three, range(7), workers=2, chunksize=1))
