"""A progress line for people who watch, and a quiet host behind it."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO

from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner


class ProgressHook(Hook):
    """Shows iteration, loss and remaining time.

    One line that renews itself on a terminal; twenty lines in all elsewhere.

    Args:
        stream: where to write; default the standard output of the moment of creation.

    Attributes:
        metrics: of the last evaluation.
    """

    priority = "VERY_LOW"
    steps = 20
    smoothing = 0.95  # weight of the past in the loss shown

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.metrics: dict[str, float] = {}
        self.loss: float | None = None
        self.started = 0.0
        self.first = 0

    def before_train(self, runner: Runner) -> None:
        """Start the clock."""
        self.started, self.first = time.monotonic(), runner.iter

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Renew the line."""
        assert outputs is not None  # the losses of the step
        loss = float(outputs["loss"])
        keep = 0.0 if self.loss is None else self.smoothing
        self.loss = keep * (self.loss or 0.0) + (1 - keep) * loss
        done, total = runner.iter + 1, runner.max_iters
        elapsed = time.monotonic() - self.started
        remaining = elapsed / (done - self.first) * (total - done)
        show_line(
            self.stream,
            f"training {done}/{total}  loss {self.loss:.2f}  "
            f"elapsed {_clock(elapsed)}  remaining {_clock(remaining)}",
            milestone=done == total or done % max(1, total // self.steps) == 0,
            last=done == total,
        )

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
        mode: str = "val",
    ) -> None:
        """Renew the line during evaluation; the host calls it for "val" and "test"."""
        done, total = batch_idx + 1, len(getattr(runner, f"{mode}_dataloader"))
        last = done == total
        show_line(self.stream, f"evaluating {done}/{total}", milestone=last, last=last)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Say the result so far."""
        self.metrics = dict(metrics or {})
        figures = "  ".join(f"{key} {value:.2f}" for key, value in self.metrics.items())
        text = f"after {runner.iter} iterations: {figures}"
        show_line(self.stream, text, milestone=True, last=True)


def show_line(stream: TextIO, text: str, milestone: bool, last: bool) -> None:
    """Renew a line of a terminal; elsewhere write it if it is a milestone.

    Args:
        stream: where to write.
        text: without an end of line.
        milestone: whether it is worth a line of its own.
        last: whether no other one follows.
    """
    if stream.isatty():
        stream.write(f"\r\033[K{text}" + ("\n" if last else ""))
    elif milestone:
        stream.write(text + "\n")
    stream.flush()


class LastTable(logging.Handler):
    """Keeps the newest table that a metric of the host wrote into the log."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record's table, if it has one."""
        _, edge, rest = record.getMessage().strip().partition("+--")
        if edge:
            self.text = edge + rest


class _LogFiles(logging.Handler):
    """Hands records on to the files of the host's log."""

    def emit(self, record: logging.LogRecord) -> None:
        for handler in MMLogger.get_current_instance().handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handle(record)


@contextmanager
def quiet_host() -> Iterator[None]:
    """Keep the host off the screen; its log files have what it logs and warns.

    Build and use the runner inside.
    """
    warned, files = logging.getLogger("py.warnings"), _LogFiles()
    warned.addHandler(files)
    logging.captureWarnings(True)
    try:
        with (
            open(os.devnull, "w", encoding="utf-8") as nowhere,
            redirect_stdout(nowhere),
        ):
            yield
    finally:
        logging.captureWarnings(False)
        warned.removeHandler(files)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
