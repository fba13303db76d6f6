"""Answers a question: its comparisons, in the order in which they tell most."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger

from analysis.scores_by_classes import METRICS, markdown, plot, read_tables
from comparison.config import comparable_config
from comparison.plan import Comparison, Options, Task
from comparison.work import work

from .curves import write_curves
from .differences import write_differences
from .initial import write_initial_weights
from .questions import QUESTIONS, Part, path_of

_SETS = ("train", "val", "test")


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

    The first seed of every comparison comes before the second one of any, but for
    configs that come last.
    """
    MMLogger.get_current_instance().setLevel("ERROR")  # jobs have logs of their own
    parts = [x for x in QUESTIONS[question] if x.name in (given.parts or [x.name])]
    for part in parts:
        if part.initial:
            _write_initial(part, given)
    comparisons = [Comparison(_options(part, given)) for part in parts]
    todo = [
        (_rank(task, part), task.config.randomness.seed, x, task)
        for part, x in zip(parts, comparisons, strict=True)
        for task in x.tasks
    ]
    todo.sort(key=lambda row: row[:2])  # keeps the order else
    good = work([(x, task) for *_, x, task in todo], given.jobs)
    for part, comparison in zip(parts, comparisons, strict=True):
        write_curves(comparison)
        if part.initial:
            write_differences(comparison)
        print(comparison.finish())
    if any(part.folder.startswith("vocabulary/") for part in parts):
        _plot_vocabulary(given.out / "vocabulary")
    return good


def _rank(task: Task, part: Part) -> int:
    """When a config has its turn; those with equal numbers seed by seed."""
    name = task.row.about.name
    return part.last.index(name) + 1 if name in part.last else 0


def _initial(part: Part, given: Answer, seed: int) -> Path:
    """Where the weights are that all trainings of a seed begin with."""
    return given.out / part.folder / f"initial-seed{seed}.pth"


def _write_initial(part: Part, given: Answer) -> None:
    """Write these weights where they are wanted and not there.

    To recognise finished trainings they are wanted too, as trainings count by what
    their files of weights hold.
    """
    for seed in part.seeds:
        path = _initial(part, given, seed)
        wanted = given.train or any(path.parent.glob(f"*/seed{seed}/result.json"))
        if wanted and not path.exists():
            config = comparable_config(path_of(part.initial), given.overrides)
            write_initial_weights(config, seed, path)


def _data_of(config: Config) -> dict[str, Any]:
    """Settings that give another config the data of this one, validated as often."""
    return {
        **{f"{x}_dataloader.dataset": config[f"{x}_dataloader"].dataset for x in _SETS},
        **{f"{x}_evaluator": config[f"{x}_evaluator"] for x in _SETS[1:]},
        "train_cfg.val_interval": config.train_cfg.val_interval,
        "scored": "test",
    }


def _options(part: Part, given: Answer) -> Options:
    like = comparable_config(path_of(part.like)) if part.like else None

    def begin(config: Config, seed: int) -> None:
        config.load_from = str(_initial(part, given, seed))

    return Options(
        configs=part.paths,
        out=given.out / part.folder,
        script=given.script,
        train=given.train,
        iterations=given.iterations or (like and like.train_cfg.max_iters),
        seeds=part.seeds,
        once=part.once,
        multi_scale=part.multi_scale,
        amp=part.amp,
        overrides={
            **(_data_of(like) if like else {}),
            **part.overrides,
            **given.overrides,
        },
        adjust=begin if part.initial else None,
        costs=False,  # times mean something on an idle machine only
        remedy="without --tables it is trained",
    )


def _plot_vocabulary(folder: Path) -> None:
    """The scores of all comparisons against the number of classes."""
    files = folder.glob("*/comparison.csv")
    tables = [f"{path.parent.name}={path}" for path in files]
    try:
        scores = {name: read_tables(tables, name) for name in METRICS}
    except SystemExit as error:  # no scores yet
        print(error)
        return
    (folder / "vocabulary.md").write_text(f"{markdown(scores)}\n", encoding="utf-8")
    shown = {name: scores[name] for name in ("miou", "pq_st")}
    plot(shown, folder / "scores.png")
    plot(shown, folder / "gain.png", gain=True)
    print(f"Written: vocabulary.md, scores.png, gain.png in {folder}")
