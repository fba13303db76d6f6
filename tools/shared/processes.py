"""A function of many things, in several processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any


def results_of(
    task: Callable[[Any], Any], items: Sequence, workers: int, chunksize: int
) -> Iterator:
    """Results of a task for every item, in their order.

    Args:
        task: a function of a module, so that other processes find it.
        items: what it is called with.
        workers: processes; 1: this one.
        chunksize: items that a process takes at a time.

    Raises:
        ChildProcessError: A process was ended from outside.
    """
    if workers <= 1:
        yield from map(task, items)
        return
    try:
        with ProcessPoolExecutor(workers, initializer=_ignore_interrupts) as pool:
            yield from pool.map(task, items, chunksize=chunksize)
    except BrokenProcessPool as error:
        raise ChildProcessError(
            f"one of {workers} processes was ended from outside, as systems do where "
            "memory is short; fewer --workers need less"
        ) from error


def _ignore_interrupts() -> None:
    """Ctrl-C reaches all processes; the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
