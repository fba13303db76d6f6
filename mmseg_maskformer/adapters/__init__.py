"""The hosts' protocols on top of the core: one module per host.

What the parts that know no host have to say goes to the log of the run.
"""

import logging

from mmengine.logging import print_log


class _HostLog(logging.Handler):
    """Passes records on to mmengine's current logger."""

    def emit(self, record: logging.LogRecord) -> None:
        print_log(record.getMessage(), logger="current", level=record.levelno)


_logger = logging.getLogger("mmseg_maskformer")
_logger.addHandler(_HostLog())
_logger.setLevel(logging.INFO)
