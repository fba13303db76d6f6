"""Training and evaluation of one config of a comparison, in a process of its own."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner

from benchmark_lib.environment import environment
from benchmark_lib.speed import timed_predictions
from mmseg_maskformer.checkpoints.loading import require_fit
from mmseg_maskformer.engine.evaluation import leave_training_hooks
from mmseg_maskformer.engine.resuming import newest_checkpoint
from shared.progress import ProgressHook, quiet_host

from .config import keeps_best, multi_scale, scored
from .jobs import read_job, read_json, store_part, valid_parts, write_json
from .kinds import SEMANTIC, Kind, kind_of


def run_scores(folder: Path) -> None:
    """Train where it is asked for and not done yet, then evaluate what is missing.

    Args:
        folder: of a job of kind "scores"; gets the parts "single" and "multi".
    """
    job, progress = read_job(folder), ProgressHook()
    with quiet_host():
        config = Config.fromfile(folder / "config.py")
        kind = kind_of(config)
        checkpoint = job.checkpoint or train(config, folder, progress)
        config, have = scored(config), valid_parts(folder, job)
        for part in [x for x in job.parts if x not in have]:
            chosen = multi_scale(config) if part == "multi" else config
            chosen = evaluation_config(chosen, checkpoint, folder / part)
            values = evaluate(chosen, kind, progress)
            about = environment(get_device(), config.randomness.seed)
            store_part(folder, job, part, values, about)


def train(config: Config, folder: Path, progress: ProgressHook) -> str:
    """Train to the end, from the newest checkpoint where there is one.

    Returns:
        Path of the checkpoint to be evaluated: the best where the config keeps one,
        else the last.
    """
    newest, end = newest_checkpoint(folder), folder / "end.json"
    last = folder / f"iter_{config.train_cfg.max_iters}.pth"
    if newest == last and not keeps_best(config):
        return str(last)
    ended = folder / read_json(end).get("checkpoint", "")
    if ended.is_file():  # it may have stopped early
        return str(ended)
    config = copy.deepcopy(config)
    config.work_dir = str(folder)
    config.experiment_name = "-".join(folder.parts[-2:])
    if newest is not None:
        config.load_from, config.resume = str(newest), True
    runner = Runner.from_cfg(config)
    runner.register_hook(progress)
    runner.train()
    if newest == last:  # it may have been stopped in the validation of the last one
        runner.val_loop.run()
    best = runner.message_hub.get_info("best_ckpt") or newest_checkpoint(folder) or last
    write_json(end, dict(checkpoint=Path(best).name))
    return str(folder / Path(best).name)


def evaluation_config(config: Config, checkpoint: str, folder: Path) -> Config:
    """A config that tests on the validation data and cannot train."""
    config = copy.deepcopy(config)
    config.test_dataloader = config.val_dataloader
    config.test_evaluator = config.val_evaluator
    config.test_cfg = dict(type="TestLoop")
    for key in ("train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler"):
        config[key] = None
    for key in ("val_dataloader", "val_cfg", "val_evaluator"):
        config[key] = None
    leave_training_hooks(config)
    config.load_from, config.resume = checkpoint, False
    config.work_dir = str(folder)
    config.experiment_name = "-".join(folder.parts[-3:])
    return config


def evaluate(config: Config, kind: Kind, progress: ProgressHook) -> dict[str, Any]:
    """Scores in percent, and the time of each image: ``seconds`` of ``images``."""
    runner = Runner.from_cfg(config)
    require_fit(runner.model, config.load_from, config.filename)
    runner.register_hook(progress)
    with _collapsed_models_scored(kind), timed_predictions(runner.model) as times:
        found = runner.test()
    return {**kind.read(found), **asdict(times)}


def _collapsed_models_scored(kind: Kind) -> AbstractContextManager[None]:
    """Inside, a model without a detection has AP 0, of the host's metric too."""
    if kind is SEMANTIC:  # works without mmdet
        return nullcontext()
    from mmseg_maskformer.metrics.no_detections import scored_without_detections

    return scored_without_detections()
