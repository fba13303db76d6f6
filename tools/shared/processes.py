"""A function of many things, in several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from threading import Thread
from typing import Any

_AT_A_TIME = 4  # items that a process takes; Ctrl-C waits for these and the next


def results_of(task: Callable[[Any], Any], items: Sequence, workers: int) -> Iterator:
    """Results of a task for every item, in their order.

    Args:
        task: a function of a module, so that other processes find it.
        items: what it is called with.
        workers: processes; 1: this one.

    Raises:
        ChildProcessError: A process was ended from outside.
    """
    if workers <= 1:
        yield from map(task, items)
        return
    try:
        with ProcessPoolExecutor(workers, initializer=_begin) as pool:
            yield from pool.map(task, items, chunksize=_AT_A_TIME)
    except BrokenProcessPool as error:
        raise ChildProcessError(
            f"one of {workers} processes was ended from outside, as systems do where "
            "memory is short; fewer --workers need less"
        ) from error


def _begin() -> None:
    """Leave Ctrl-C, which reaches all processes, to the first one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_the_first, daemon=True).start()


def _end_with_the_first() -> None:
    """End this process once the first one has been killed; it would wait forever."""
    first = multiprocessing.parent_process()
    assert first is not None
    first.join()
    os._exit(1)
