"""The hosts' protocols on top of the core: one module per host.

Warnings of the core, which knows no host, go to the log of the run.
"""

import logging

from mmengine.logging import print_log


class _HostLog(logging.Handler):
    """Passes records on to mmengine's current logger."""

    def emit(self, record: logging.LogRecord) -> None:
        print_log(record.getMessage(), logger="current", level=record.levelno)


logging.getLogger("mmseg_maskformer").addHandler(_HostLog())
