"""Warnings about data that are given once, whatever the number of worker processes."""

from __future__ import annotations

import logging
from functools import cache
from multiprocessing.sharedctypes import RawArray
from typing import Any

from mmengine.logging import print_log

_KINDS = ("pages", "dim", "turned")


@cache
def prepare_notices() -> Any:
    """Which kinds were given, in memory that workers share which are forked later."""
    return RawArray("b", len(_KINDS))


def notify(kind: str, text: str) -> None:
    """Put a warning into the log, the first of its kind."""
    given, place = prepare_notices(), _KINDS.index(kind)
    if not given[place]:
        given[place] = 1
        text = f"{text} This is said once; other images may be alike."
        print_log(text, logger="current", level=logging.WARNING)
