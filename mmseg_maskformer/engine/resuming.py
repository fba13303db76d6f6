"""A training that goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

from mmengine import fileio
from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from mmseg_maskformer.checkpoints.loading import register_schemes

from .schedule import check_resumed_length


def resume(config: Config) -> None:
    """Let a training go on from the newest checkpoint of its folder, if there is one.

    It takes the place of ``load_from``, which the runner would resume instead. Without
    one the config stays as it is: training begins, with the weights of ``load_from``.

    Args:
        config: changed in place.

    Raises:
        SystemExit: The newest checkpoint is not where it was written, or the training
            has another length, see ``check_resumed_length``.
    """
    folder = Path(config.work_dir)
    note = folder / "last_checkpoint"
    if not note.is_file():
        print(f"Nothing to resume: {folder} has no checkpoint yet.")
        return
    newest = str(newest_checkpoint(folder) or note.read_text().strip())
    if not fileio.exists(newest):  # the hook may write elsewhere, by its out_dir
        raise SystemExit(
            f"{note} names {newest}, which is not there. Put it back, write another "
            "checkpoint's path into that file, or train anew in another --work-dir."
        )
    # The file of a config beside the checkpoints may come from a test since then.
    register_schemes()
    written = CheckpointLoader.load_checkpoint(newest, "cpu", logger="silent")
    if text := written.get("meta", {}).get("cfg"):
        check_resumed_length(config, Config.fromstring(text, ".py"))
    config.load_from, config.resume = newest, True


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint that was last completed, wherever the folder stands now."""
    note = folder / "last_checkpoint"
    if not note.is_file():
        return None
    path = folder / Path(note.read_text().strip()).name
    return path if path.is_file() else None
