"""Answers a question: its comparisons, in the order in which they tell most."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger

from comparison.compare import finish
from comparison.config import read_config
from comparison.plan import Comparison, Options
from comparison.work import work

from .initial import write_initial_weights
from .questions import QUESTIONS, Part, path_of

_ANALYSIS = Path(__file__).resolve().parents[1] / "analysis"


@dataclass(frozen=True)
class Answer:
    """How questions are answered.

    Args:
        out: folder with one folder a question.
        script: does a job.
        jobs: trainings side by side.
        parts: names of comparisons; default: all of a question.
        iterations: of each training; default: those of its config.
        train: train what is missing.
        overrides: of every config.
    """

    out: Path
    script: Path
    jobs: int = 1
    parts: list[str] | None = None
    iterations: int | None = None
    train: bool = True
    overrides: dict[str, Any] = field(default_factory=dict)


def answer(question: str, given: Answer) -> bool:
    """Do what is missing of a question; whether everything went well.

    The first seed of every comparison comes before the second one of any.
    """
    MMLogger.get_current_instance().setLevel("ERROR")  # jobs have logs of their own
    parts = [x for x in QUESTIONS[question] if x.name in (given.parts or [x.name])]
    comparisons = [Comparison(_options(part, given)) for part in parts]
    for part in parts:
        if part.initial and given.train:
            _write_initial(part, given)
    pairs = [(x, task) for x in comparisons for task in x.tasks]
    pairs.sort(key=lambda pair: pair[1].config.randomness.seed)  # keeps the order else
    good = work(pairs, given.jobs)
    for comparison in comparisons:
        print(finish(comparison))
    if any(part.folder.startswith("vocabulary/") for part in parts):
        _plot_vocabulary(given.out / "vocabulary")
    return good


def _initial(part: Part, given: Answer, seed: int) -> Path:
    """Where the weights are that all trainings of a seed begin with."""
    return given.out / part.folder / f"initial-seed{seed}.pth"


def _write_initial(part: Part, given: Answer) -> None:
    """Write these weights where they are not there."""
    for seed in part.seeds:
        path = _initial(part, given, seed)
        if not path.exists():
            config = read_config(path_of(part.initial), given.overrides)
            write_initial_weights(config, seed, path)


def _options(part: Part, given: Answer) -> Options:
    def begin(config: Config, seed: int) -> None:
        config.load_from = str(_initial(part, given, seed))

    return Options(
        configs=part.paths,
        out=given.out / part.folder,
        script=given.script,
        train=given.train,
        iterations=given.iterations,
        seeds=part.seeds,
        once=part.once,
        multi_scale=part.multi_scale,
        amp=True,
        overrides={**part.overrides, **given.overrides},
        adjust=begin if part.initial else None,
        costs=False,  # times mean something on an idle machine only
    )


def _plot_vocabulary(folder: Path) -> None:
    """The scores of all comparisons against the number of classes."""
    tables = {path.parent.name: path for path in folder.glob("*/comparison.csv")}
    named = [f"{count}={path}" for count, path in tables.items()]
    command = [sys.executable, str(_ANALYSIS / "scores_by_classes.py"), *named]
    done = subprocess.run(
        [*command, "--plot", str(folder / "vocabulary.png")],
        capture_output=True,
        text=True,
        check=False,
    )
    (folder / "vocabulary.md").write_text(done.stdout)
    print(done.stdout or done.stderr.strip().splitlines()[-1])
