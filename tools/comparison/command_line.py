"""What the command lines that do comparisons share."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import NoReturn

from mmseg_maskformer.engine import arguments
from shared.ending import ending_in_sentences


def add_work_arguments(parser: ArgumentParser, out: str) -> None:
    """Add where trainings go, how long they are and how many run side by side."""
    add = parser.add_argument
    add(
        "--out",
        type=arguments.output_folder,
        default=out,
        help="folder of trainings and tables",
    )
    add(
        "--iterations",
        type=arguments.at_least_one,
        help="length of each training; default: the config's",
    )
    add(
        "--jobs",
        type=arguments.at_least_one,
        default=1,
        help="trainings side by side, in one thread each",
    )
    arguments.add_cfg_options(parser)


def run(task: Callable[[], bool]) -> NoReturn:
    """Do a task and end the program, with status 1 where not everything went well."""
    # what is stopped stops its jobs, too
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))
    said = "The same command goes on from the last checkpoints."
    try:
        with ending_in_sentences(stopped=said):
            good = task()
    finally:
        signal.signal(signal.SIGTERM, before)
    sys.exit(0 if good else 1)
