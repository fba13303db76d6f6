"""How scripts end where they fail."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ending_in_sentences(*others: type[Exception], stopped: str = "") -> Iterator[None]:
    """End the program with a sentence where it fails.

    Args:
        others: errors that say one, beside ImportError, OSError and ValueError.
        stopped: what to say where a progress bar is stopped; default: a traceback.
    """
    above = "\n" if stopped else ""
    sentences: tuple[type[Exception], ...] = (ImportError, OSError, ValueError, *others)
    try:
        yield
    except KeyboardInterrupt:
        if not stopped:
            raise
        sys.exit(f"{above}Stopped. {stopped}")
    except sentences as error:
        sys.exit(f"{above}{error}")
