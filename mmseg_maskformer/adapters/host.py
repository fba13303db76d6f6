"""What models of this package need of mmengine, set up when the first one is built.

Importing a model changes nothing in the process.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib import import_module

from mmengine.logging import print_log

from mmseg_maskformer.checkpoints.loaders import install_loaders
from mmseg_maskformer.datasets.class_orders import CLASS_ORDERS


class _HostLog(logging.Handler):
    """Passes records on to mmengine's current logger."""

    def emit(self, record: logging.LogRecord) -> None:
        print_log(record.getMessage(), logger="current", level=record.levelno)


@cache
def prepare_host() -> None:
    """Let mmengine read our files, log what we say, and check every run.

    Models call it when they are built; a program that loads a file before it has built
    a model calls it itself.
    """
    install_loaders(CLASS_ORDERS)
    logger = logging.getLogger("mmseg_maskformer")
    logger.addHandler(_HostLog())
    logger.setLevel(logging.INFO)
    import_module("mmseg_maskformer.checks")  # adds them to every run
