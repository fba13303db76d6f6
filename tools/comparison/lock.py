"""One process at a time works in a folder of a job: it locks a file there.

The system takes the lock back when the process ends, however it does.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_NAME = "lock"


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Lock a folder of a job.

    Raises:
        BlockingIOError: Another process has locked it.
    """
    with (folder / _NAME).open("ab") as file:
        if not _lock(file):
            raise BlockingIOError(
                f"another process works in {folder}; once it has ended, the same "
                "command again does what is missing"
            )
        yield


def require_free(folder: Path) -> None:
    """Raise BlockingIOError where another process works in a folder."""
    if (folder / _NAME).exists():
        with working_in(folder):
            pass


def _lock(file: IO) -> bool:
    """Lock a file for this process alone until it is closed; False if another has."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # others than these: no locks on this file system
        return error.errno not in (errno.EACCES, errno.EAGAIN)
    return True
