"""The hosts' protocols on top of the core: one module per host.

What the parts that know no host have to say goes to the log of the run, and a run of a
model is checked.
"""

import logging

from mmengine.logging import print_log

import mmseg_maskformer.checks  # noqa: F401  (adds them to every run)


class _HostLog(logging.Handler):
    """Passes records on to mmengine's current logger."""

    def emit(self, record: logging.LogRecord) -> None:
        print_log(record.getMessage(), logger="current", level=record.levelno)


_logger = logging.getLogger("mmseg_maskformer")
_logger.addHandler(_HostLog())
_logger.setLevel(logging.INFO)
