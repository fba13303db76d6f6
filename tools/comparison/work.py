"""Does the tasks of comparisons, one after the other or several side by side."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from .jobs import (
    Decision,
    decide,
    outcome,
    set_aside,
    start,
    take_back,
    valid_parts,
)
from .lock import require_free
from .plan import Comparison, Options, Task

_PAUSE = 0.2  # seconds between two looks at the processes
Pair = tuple[Comparison, Task]


@dataclass
class _Running:
    """A task whose process was started."""

    title: str
    comparison: Comparison
    task: Task
    process: subprocess.Popen


def compare(options: Options) -> bool:
    """Do what is missing, write the tables after every step.

    Returns:
        Whether everything went well.

    Raises:
        ValueError: The options or configs do not fit; nothing was started.
    """
    comparison = Comparison(options)
    good = work([(comparison, task) for task in comparison.tasks], options.jobs)
    print(comparison.finish())
    return good


def work(pairs: Sequence[Pair], jobs: int = 1) -> bool:
    """Do what is missing, in the order given; the tables are written after every step.

    Args:
        pairs: tasks with the comparisons that they belong to.
        jobs: how many at a time. More than one have one thread each, unless
            OMP_NUM_THREADS says another number, and print into their folders.

    Returns:
        Whether everything went well.
    """
    if jobs > 1:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    several = len({id(comparison) for comparison, _ in pairs}) > 1
    good, running = True, list[_Running]()
    waiting = list(enumerate(pairs, start=1))
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number, (comparison, task) = waiting.pop(0)
                name = f"{comparison.options.out.name}/" * several + task.row.about.name
                title = f"[{number}/{len(pairs)}] {name}: {task.what}"
                print(title, flush=True)
                try:
                    process = _begin(task, comparison, quiet=jobs > 1)
                except BlockingIOError as error:
                    good, process = False, None
                    _note_failure(task, str(error))
                if process is None:
                    _report(task)
                    comparison.collect()
                else:
                    running.append(_Running(title, comparison, task, process))
            ended = [x for x in running if x.process.poll() is not None]
            for one in ended:
                running.remove(one)
                good &= _end(one, named=jobs > 1)
            if running and not ended:
                time.sleep(_PAUSE)
    finally:
        for one in running:  # this process was stopped
            one.process.terminate()
        for one in running:
            one.process.wait()
    return good


def _begin(task: Task, comparison: Comparison, quiet: bool) -> subprocess.Popen | None:
    """Start what is missing for a task, and say what was decided.

    Raises:
        BlockingIOError: Another process works in its folder.
    """
    options = comparison.options
    decision = decide(task.folder, task.job)
    wanted = task.job.kind == "costs" or options.train or options.checkpoints
    if decision != "done" and wanted:
        require_free(task.folder)
    if decision == "stale" and wanted:
        decision = _make_room(task)
    if decision == "done":
        print("    done before")
        return None
    if not wanted:
        print(f"    {_untrained(decision, task)}; {options.remedy}")
        return None
    if decision == "resume":
        print("    going on where it stopped")
    return start(task.folder, task.job, task.config, options.script, quiet)


def _make_room(task: Task) -> Decision:
    """Set a folder of other settings aside; what is to be done then."""
    kept = set_aside(task.folder)
    where = f", which is now {kept}" if kept else ""
    print(f"    {task.folder} came from other settings{where}", end="; ")
    found = take_back(task.folder, task.job)
    print("one of these settings was kept" if found else "doing it again")
    return decide(task.folder, task.job)


def _end(one: _Running, named: bool) -> bool:
    """Say what a process that has ended leaves; whether it went well."""
    task = one.task
    failure = outcome(task.folder, one.process.returncode)
    if named:
        print(one.title)
    if failure is not None:
        _note_failure(task, failure)
    _report(task)
    one.comparison.collect()
    return failure is None


def _note_failure(task: Task, failure: str) -> None:
    """Say why a task has no result, below the table too."""
    task.row.notes.append(f"{task.what} failed: {failure}")
    print(f"    failed: {failure}")


def _untrained(decision: str, task: Task) -> str:
    """Why there are no scores, where nothing is trained."""
    if decision == "start":
        return "no weights"
    state = "of other settings" if decision == "stale" else "not finished"
    return f"{task.folder} is {state}"


def _report(task: Task) -> None:
    """Print what is known of a task."""
    for part, values in valid_parts(task.folder, task.job).items():
        numbers = {key: x for key, x in values.items() if isinstance(x, int | float)}
        figures = [f"{key} {round(value, 2):,}" for key, value in numbers.items()]
        print(f"    {part}: {', '.join(figures)}", flush=True)
