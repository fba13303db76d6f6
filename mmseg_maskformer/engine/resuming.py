"""A training that goes on where it stopped, or begins where there is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine import fileio
from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from mmseg_maskformer.adapters.host import prepare_host
from mmseg_maskformer.registry import type_name

from .config_names import warn
from .config_text import plain_settings
from .schedule import check_resumed_length

_NUMBERED = re.compile(r"(?:iter|epoch)_(\d+)\.pth")  # as CheckpointHook calls them


def resume(config: Config, checkpoint: str | None = None) -> None:
    """Let a training go on from a checkpoint.

    It takes the place of ``load_from``, which the runner would resume instead. Without
    a newest one a config with ``resume=True`` goes on from its ``load_from``, and
    another begins a training with those weights.

    A warning names other batches and another precision than the training had.

    Args:
        config: changed in place.
        checkpoint: to go on from; None for the newest of ``work_dir``.

    Raises:
        ValueError: The checkpoint is not there or lacks a state of the training, or
            which one is the newest is not noted, or the training has another length,
            see ``check_resumed_length``.
    """
    prepare_host()
    found = _newest(config.work_dir) if checkpoint is None else _given(checkpoint)
    if found is None and config.get("resume") and config.get("load_from"):
        checkpoint = found = _given(config.load_from)
    if found is None:
        _require_none_unnoted(config.work_dir)
        print(f"Nothing to resume: {config.work_dir} has no checkpoint yet.")
        config.resume = bool(config.get("resume"))
        return
    if not Path(found).is_dir():  # DeepSpeed's, which it checks itself
        # The file of a config beside it may come from a test since then.
        written = CheckpointLoader.load_checkpoint(found, "cpu", logger="silent")
        needed = ["meta", "optimizer"]
        needed += ["param_schedulers"] if config.get("param_scheduler") else []
        if lacking := [name for name in needed if name not in written]:
            raise ValueError(
                f"--resume {found}: the file has no {' and no '.join(lacking)} of a "
                "training. A training that shall be resumed leaves save_optimizer and "
                "save_param_scheduler of CheckpointHook True; to begin one with these "
                f"weights, in another --work-dir: --cfg-options load_from={found}"
            )
        begun = plain_settings(str(written["meta"].get("cfg", "")))
        check_resumed_length(config, begun, found)
        _warn_of_other_steps(_step(config), _step(begun), found)
    config.load_from, config.resume = found, True


def require_no_training(work_dir: str) -> None:
    """Stop where a training that begins would lie among the checkpoints of another.

    It would replace some, and the best of both would lie side by side. A folder of
    logs alone, of a training that broke off, is taken.

    Raises:
        ValueError: The folder holds checkpoints.
    """
    folder = Path(work_dir)
    found = [*folder.glob("best_*.pth"), *folder.glob("last_checkpoint")]
    found = found or _numbered(folder)[-1:]
    if found:
        names = ", ".join(sorted(path.name for path in found))
        raise ValueError(
            f"{work_dir} holds a training ({names}), whose checkpoints would mix with "
            "those of a new one. Go on with it by --resume, train in another "
            "--work-dir, or move the folder away."
        )


def _step(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a step of a training is made of, as far as its config says it."""
    found = {}
    if wrapper := config.get("optim_wrapper"):
        found["optim_wrapper.type"] = type_name(wrapper) or "OptimWrapper"
        counts = wrapper.get("accumulative_counts", 1)
        found["optim_wrapper.accumulative_counts"] = counts
    if loader := config.get("train_dataloader"):
        found["train_dataloader.batch_size"] = loader.get("batch_size")
    return found


def _warn_of_other_steps(new: dict, old: dict, checkpoint: str) -> None:
    differing = [
        f"{name}={old[name]} (now: {new[name]})"
        for name in new.keys() & old.keys()
        if new[name] != old[name]
    ]
    if differing:
        warn(
            f"{checkpoint} is of a training with {', '.join(sorted(differing))}. To go "
            "on with the same training, resume it with the options that it began with."
        )


def _given(checkpoint: str) -> str:
    """A checkpoint named by the user, which must be there."""
    if "://" in checkpoint or Path(checkpoint).is_file():
        return checkpoint
    if any(Path(checkpoint).glob("*_states.pt")):  # of DeepSpeed
        return checkpoint
    what = "is a folder" if Path(checkpoint).is_dir() else "is not there"
    raise ValueError(
        f"--resume {checkpoint}: it {what}. Name a checkpoint, for example "
        "work_dirs/NAME/iter_1000.pth, or none for the newest of --work-dir."
    )


def _newest(work_dir: str) -> str | None:
    """The newest checkpoint of a training, None if it has none yet."""
    folder = Path(work_dir)
    if not (noted := _noted(folder)):
        return None
    newest = str(newest_checkpoint(folder) or noted)
    if not fileio.exists(newest):  # the hook may write elsewhere, by its out_dir
        raise ValueError(
            f"{folder / 'last_checkpoint'} names {newest}, which is not there. Put it "
            "back, write another checkpoint's path into that file, or train in another "
            "--work-dir."
        )
    return newest


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint that was last completed, wherever the folder stands now."""
    if not (noted := _noted(folder)):
        return None
    path = folder / Path(noted).name
    return path if path.exists() else None


def _noted(folder: Path) -> str:
    """The path in the note of the newest checkpoint; empty without one."""
    note = folder / "last_checkpoint"
    return note.read_text().strip() if note.is_file() else ""


def _require_none_unnoted(work_dir: str) -> None:
    """Stop where checkpoints lie in a folder, but not which one is the newest."""
    if found := _numbered(Path(work_dir)):
        raise ValueError(
            f"{work_dir} has checkpoints ({found[-1].name}), but no last_checkpoint "
            f"that names the newest. Go on by --resume {found[-1]}, or remove it where "
            "it was not written to its end; or train in another --work-dir."
        )


def _numbered(folder: Path) -> list[Path]:
    """The checkpoints of iterations and epochs in a folder, by their numbers."""
    named = {path: _NUMBERED.fullmatch(path.name) for path in folder.glob("*.pth")}
    numbers = {path: int(match[1]) for path, match in named.items() if match}
    return sorted(numbers, key=lambda path: numbers[path])
