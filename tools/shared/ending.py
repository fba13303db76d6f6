"""How scripts end where they fail."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mmseg_maskformer

_OURS = (Path(mmseg_maskformer.__file__).parent, Path(__file__).parents[1])


@contextmanager
def ending_in_sentences(*others: type[Exception], stopped: str = "") -> Iterator[None]:
    """End the program with a sentence where it fails.

    What other code than this project's raises keeps its traceback, but for OSError and
    ``others``.

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
        if not (isinstance(error, (OSError, *others)) or _raised_here(error)):
            raise
        sys.exit(f"{above}{error}")


def _raised_here(error: Exception) -> bool:
    """Whether a raise or an import of this project's raised an error."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    ours = any(Path(last.filename).is_relative_to(folder) for folder in _OURS)
    return ours and (last.line or "raise").startswith(("raise", "import", "from"))
