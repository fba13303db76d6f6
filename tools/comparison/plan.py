"""What a comparison is to do: its options, its tasks, the tables they end in."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device

from mmseg_maskformer.engine.arguments import require_file
from shared.output import write_csv
from shared.progress import quiet_host

from . import config as settings
from .description import describe_config
from .jobs import Job, valid_parts
from .kinds import kind_of
from .plot import plot
from .same_data import check_same_data
from .table import Row, markdown, preface, records


@dataclass(frozen=True)
class Options:
    """What is compared, and how.

    Args:
        configs: paths of the configs.
        out: folder of everything that is written.
        script: started as ``script --job FOLDER`` for every job.
        train: train what has no weights yet.
        checkpoints: weights to evaluate instead, one for each config.
        iterations: to train for; default: those of each config.
        seeds: of the trainings.
        multi_scale: evaluate with scales and flips too.
        amp: train in mixed precision.
        overrides: of every config.
        once: names of configs that are trained with the first seed only.
        costs: measure parameters, FLOPs, time and memory.
        adjust: changes the config of one training in place, given its seed.
        jobs: how many are done at a time, in one thread each if more than one.
        remedy: what the command line offers where ``train`` is missing.
    """

    configs: tuple[str, ...]
    out: Path
    script: Path
    train: bool = False
    checkpoints: tuple[str, ...] = ()
    iterations: int | None = None
    seeds: tuple[int, ...] = (0,)
    multi_scale: bool = False
    amp: bool = False
    overrides: dict[str, Any] = field(default_factory=dict)
    once: tuple[str, ...] = ()
    costs: bool = True
    adjust: Callable[[Config, int], None] | None = None
    jobs: int = 1
    remedy: str = "--train trains, --checkpoints takes others"


@dataclass(eq=False)
class Task:
    """A job with its config and the row that its result belongs to."""

    row: Row
    what: str
    folder: Path
    job: Job
    config: Config


class Comparison:
    """The tasks and the tables of one set of options.

    Raises:
        ValueError: The options or configs do not fit; nothing was started.
    """

    def __init__(self, options: Options) -> None:
        _check(options)
        self.options = options
        with quiet_host():  # hosts report every config
            self.tasks = _tasks(options)
        self.rows = list({id(task.row): task.row for task in self.tasks}.values())

    def collect(self) -> None:
        """Write the tables of what all folders hold, those of earlier calls too."""
        for row in self.rows:
            row.costs, row.single, row.multi = {}, [], []
        for task in self.tasks:
            found = valid_parts(task.folder, task.job)
            task.row.costs = found.get("costs", task.row.costs)
            task.row.single += [found["single"]] if "single" in found else []
            task.row.multi += [found["multi"]] if "multi" in found else []
        self.options.out.mkdir(parents=True, exist_ok=True)
        _write(self.rows, self.options)

    def finish(self) -> str:
        """Paint the picture; a sentence on where everything is."""
        out = self.options.out
        (out / "comparison.png").unlink(missing_ok=True)  # it may lack scores now
        reason = plot(self.rows, out / "comparison.png")
        names = "comparison.md, comparison.csv" + ("" if reason else ", comparison.png")
        return f"{reason + ' ' if reason else ''}Written: {names} in {out}"


def _write(rows: list[Row], options: Options) -> None:
    """Table and CSV, with what is known so far."""
    text = markdown(rows, "Comparison", preface(rows, _weights(rows, options)))
    (options.out / "comparison.md").write_text(text, encoding="utf-8")
    write_csv(options.out / "comparison.csv", records(rows))


def _check(options: Options) -> None:
    """Stop when the options contradict each other."""
    names = Counter(Path(path).stem for path in options.configs)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(f"Two configs are called {twice[0]}; give one another name.")
    if options.checkpoints and options.train:
        raise ValueError("Give --train or --checkpoints, not both.")
    if options.checkpoints and len(options.checkpoints) != len(options.configs):
        raise ValueError(
            f"--checkpoints has {len(options.checkpoints)} files for "
            f"{len(options.configs)} configs; give one for each, in their order."
        )
    if options.checkpoints and (
        options.iterations or options.amp or options.seeds != (0,)
    ):
        raise ValueError(
            "--iterations, --seeds and --amp are about training, and --checkpoints "
            "trains nothing; leave them out."
        )
    if len(set(options.seeds)) < len(options.seeds):
        raise ValueError(f"--seeds {options.seeds} names one twice; a seed is a run.")
    for path in options.checkpoints:
        require_file(path, "checkpoint")


def _tasks(options: Options) -> list[Task]:
    """Costs of every config first, then its scores, config by config."""
    configs = [
        settings.comparable_config(x, options.overrides, training=options.train)
        for x in options.configs
    ]
    check_same_data([settings.scored(x) for x in configs])
    rows: list[Row] = []
    costs: list[Task] = []
    scores: list[Task] = []
    for index, config in enumerate(configs):
        notes = settings.prepare(
            config, options.seeds[0], options.iterations, options.amp
        )
        about = describe_config(config)
        seeds = options.seeds[: 1 if about.name in options.once else None]
        count = 1 if options.checkpoints else len(seeds)
        rows.append(Row(about, kind_of(config), seeds=count, notes=notes))
        if options.costs:
            costs.append(_costs_task(rows[-1], config, options))
        scores += _scores_tasks(rows[-1], config, index, options, seeds)
    _note_budgets(rows)
    return costs + scores


def _costs_task(row: Row, config: Config, options: Options) -> Task:
    name = row.about.name
    identity = settings.costs_fingerprint(config, get_device())
    job = Job("costs", identity, parts={"costs": identity})
    what = "parameters, FLOPs, time and memory"
    return Task(row, what, options.out / name / "costs", job, config)


def _scores_tasks(
    row: Row, config: Config, index: int, options: Options, seeds: tuple[int, ...]
) -> Iterator[Task]:
    """One task a seed, or one for the given checkpoint."""
    judged = settings.scored(config)
    if judged is not config:
        row.notes.append("scores of its test data")
    parts = {"single": settings.evaluation_fingerprint(judged)}
    if options.multi_scale and (reason := settings.no_multi_scale(judged)):
        row.notes.append(f"no multi-scale score, as {reason}")
    elif options.multi_scale:
        multi = settings.multi_scale(judged)
        parts["multi"] = settings.evaluation_fingerprint(multi)
    folder = options.out / row.about.name
    if options.checkpoints:
        path = Path(options.checkpoints[index]).resolve()
        stat = path.stat()
        identity = f"{path}-{stat.st_size}-{stat.st_mtime_ns}"
        job = Job("scores", identity, parts, str(path))
        yield Task(row, path.name, folder / "checkpoint", job, config)
        return
    if settings.keeps_best(config):
        row.notes.append("scores of the best of its validated checkpoints")
    for seed in seeds:
        seeded = copy.deepcopy(config)
        seeded.randomness = dict(config.randomness, seed=seed)
        if options.adjust:
            options.adjust(seeded, seed)
        job = Job("scores", settings.training_fingerprint(seeded), parts)
        yield Task(row, f"seed {seed}", folder / f"seed{seed}", job, seeded)


def _note_budgets(rows: list[Row]) -> None:
    """Say where a row's budget is not that of the first one."""
    first = rows[0].about
    unknown = dict(crop="of many sizes", batch="", iterations="counted in epochs")
    for row in rows[1:]:
        for key, words in unknown.items():
            mine, other = getattr(row.about, key), getattr(first, key)
            if mine != other:
                note = f"{key} {mine or words}, but {other or words} in {first.name}"
                row.notes.append(note)


def _weights(rows: list[Row], options: Options) -> str:
    """Where the weights come from; nothing without any."""
    if not any(row.single for row in rows):
        return ""
    if options.checkpoints:
        return "Weights: " + ", ".join(options.checkpoints)
    seeds = " and ".join(map(str, options.seeds))
    given = f"{options.iterations} iterations" if options.iterations else ""
    length = given or "the iterations of each config"
    precision = " in mixed precision" if options.amp else ""
    return f"Trained for {length}{precision}, random seed {seeds}"
