"""A training that goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config

from .schedule import check_resumed_length


def resume(config: Config) -> None:
    """Let a training go on from the newest checkpoint of its folder, if there is one.

    It takes the place of ``load_from``, from which the runner would resume instead;
    without one the training begins, with the weights of ``load_from`` if that is set.

    Args:
        config: changed in place.

    Raises:
        SystemExit: The training has another length, see ``check_resumed_length``.
    """
    newest = newest_checkpoint(Path(config.work_dir))
    config.resume = newest is not None
    if newest is None:
        print(f"--resume: there is no checkpoint in {config.work_dir}; starting anew.")
        return
    check_resumed_length(config)
    config.load_from = str(newest)


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint that was last completed, wherever the folder stands now.

    It is looked for in the folder first, then where the hook wrote it (``out_dir``).
    """
    note = folder / "last_checkpoint"
    if not note.is_file():
        return None
    written = Path(note.read_text().strip())
    places = (folder / written.name, written)
    return next((path for path in places if path.is_file()), None)
