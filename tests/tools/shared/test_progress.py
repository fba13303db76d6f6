"""What the progress line shows, and what stays off the screen."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections import OrderedDict
from types import SimpleNamespace

import pytest
from mmengine.logging import MMLogger

from shared import progress
from shared.progress import LastTable, ProgressHook, quiet_host


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the hook sees; set `clock.now`."""
    fake = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: fake.now)
    return fake


def trained(hook, clock, iterations, losses=None):
    runner = SimpleNamespace(iter=0, max_iters=iterations)
    hook.before_train(runner)
    for step in range(iterations):
        runner.iter, clock.now = step, clock.now + 2.0
        loss = losses[step] if losses else 1.0
        hook.after_train_iter(runner, step, outputs=dict(loss=loss))
    return hook.stream.getvalue()


def test_file_gets_twenty_lines(clock):
    lines = trained(ProgressHook(io.StringIO()), clock, 400).splitlines()
    assert len(lines) == 20
    # 20 of 400 iterations in 40 s: 760 s to go
    assert lines[0] == "training 20/400  loss 1.00  elapsed 0:40  remaining 12:40"
    assert lines[-1] == "training 400/400  loss 1.00  elapsed 13:20  remaining 0:00"


def test_terminal_gets_one_line_that_renews_itself(clock):
    text = trained(ProgressHook(Terminal()), clock, 5)
    assert text.count("\n") == 1
    assert text.endswith("remaining 0:00\n")
    assert text.count("\r\033[K") == 5


def test_loss_is_smoothed(clock):
    text = trained(ProgressHook(io.StringIO()), clock, 3, losses=[4.0, 2.0, 0.5])
    # 4; 0.95 * 4 + 0.05 * 2 = 3.9; 0.95 * 3.9 + 0.05 * 0.5 = 3.73
    assert [line.split()[3] for line in text.splitlines()] == ["4.00", "3.90", "3.73"]


def test_evaluation_is_reported():
    hook = ProgressHook(io.StringIO())
    loaders = dict(val_dataloader=range(3), test_dataloader=range(2))
    runner = SimpleNamespace(iter=30, **loaders)
    for batch in range(3):
        hook.after_val_iter(runner, batch)
    hook.after_val_epoch(runner, dict(mIoU=61.234))
    expected = "evaluating 3/3\nafter 30 iterations: mIoU 61.23\n"
    assert hook.stream.getvalue() == expected
    assert hook.metrics == {"mIoU": 61.234}
    for batch in range(2):
        hook.after_test_iter(runner, batch)
    assert hook.stream.getvalue() == f"{expected}evaluating 2/2\n"


def test_last_table_is_kept_and_other_records_are_not():
    table = LastTable()
    for message in ("\n+----+\n| 1 |", "\n+----+\n| 2 |", "Iter(val) mIoU: 2"):
        table.emit(logging.makeLogRecord(dict(msg=message)))
    assert table.text == "+----+\n| 2 |"


def test_host_is_quiet_inside_only(capsys):
    with quiet_host():
        print("host")
        handler = logging.StreamHandler(sys.stdout)
        warnings.warn("host", stacklevel=1)
    print("ours")
    assert handler.stream is not sys.stdout
    assert capsys.readouterr() == ("ours\n", "")


def test_warnings_go_into_the_log_file(monkeypatch, tmp_path):
    monkeypatch.setattr(MMLogger, "_instance_dict", OrderedDict())
    log = tmp_path / "host.log"
    MMLogger.get_instance("host", log_file=str(log))
    with quiet_host():
        warnings.warn("an old file", stacklevel=1)
    assert log.read_text().count("UserWarning: an old file") == 1
