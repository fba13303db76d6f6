"""Jobs of a comparison: a folder each, carried out by a process of its own.

A folder holds ``job.json`` (what is to be done), ``config.py`` (the prepared config),
``log.txt`` (what went wrong) and, once there is something, ``result.json``. Of jobs
side by side it holds what they print, too, as ``progress.txt``. ``lock`` belongs to the
process that works in it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mmengine.config import Config

from shared.output import written_whole

Decision = Literal["done", "start", "resume", "evaluate", "stale"]


@dataclass(frozen=True)
class Job:
    """What one process does, and how its result is recognised.

    Args:
        kind: "costs", or "scores" of one training or checkpoint.
        identity: hash of all that the folder's weights or figures come from.
        parts: name and hash of every part that the result shall have.
        checkpoint: weights to evaluate; default: those trained in the folder.
    """

    kind: Literal["costs", "scores"]
    identity: str
    parts: dict[str, str] = field(default_factory=dict)
    checkpoint: str | None = None


def read_json(path: Path) -> dict[str, Any]:
    """The contents of a JSON file; empty where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def write_json(path: Path, contents: dict[str, Any]) -> None:
    """Write in one go, so that a process that is stopped leaves no half of a file."""
    with written_whole(path) as unfinished:
        unfinished.write_text(json.dumps(contents, indent=1) + "\n")


def read_job(folder: Path) -> Job:
    """The job of a folder."""
    return Job(**read_json(folder / "job.json"))


def valid_parts(folder: Path, job: Job) -> dict[str, Any]:
    """Values of the parts of a folder's result that are those of this job."""
    if read_json(folder / "job.json").get("identity") != job.identity:
        return {}
    result = read_json(folder / "result.json")
    return {
        name: result[name]["values"]
        for name, wanted in job.parts.items()
        if result.get(name, {}).get("settings") == wanted
    }


def store_part(
    folder: Path,
    job: Job,
    name: str,
    values: dict[str, Any],
    environment: dict[str, Any] | None = None,
) -> None:
    """Add a part to the result of a folder, with the versions that it came from."""
    path = folder / "result.json"
    part = dict(settings=job.parts[name], values=values, environment=environment)
    write_json(path, {**read_json(path), name: part})


def decide(folder: Path, job: Job) -> Decision:
    """What is to be done for a job, by what its folder holds.

    "stale" means that the folder comes from other settings.
    """
    begun = read_json(folder / "job.json")
    if not begun:
        return "start"
    if begun["identity"] != job.identity:
        return "stale"
    if set(valid_parts(folder, job)) == set(job.parts):
        return "done"
    return "evaluate" if (folder / "result.json").exists() else "resume"


def set_aside(folder: Path) -> Path | None:
    """Make room: move a folder with weights or scores away, delete another one.

    Returns:
        The new name; None where nothing was worth keeping.
    """
    scores = "single" in read_json(folder / "result.json")
    if not scores and not any(folder.glob("*.pth")):
        shutil.rmtree(folder)
        return None
    number = 1
    while (kept := folder.with_name(f"{folder.name}-old{number}")).exists():
        number += 1
    return folder.rename(kept)


def take_back(folder: Path, job: Job) -> bool:
    """Give a folder that was set aside its name again, where it is that of this job."""
    for kept in sorted(folder.parent.glob(f"{folder.name}-old*")):
        if read_json(kept / "job.json").get("identity") == job.identity:
            kept.rename(folder)
            return True
    return False


def start(
    folder: Path, job: Job, config: Config, script: Path, quiet: bool = False
) -> subprocess.Popen:
    """Begin a job in another process.

    Args:
        folder: of the job; made if it is absent.
        job: what is to be done.
        config: of the job.
        script: started as ``script --job FOLDER``.
        quiet: what it prints goes into ``progress.txt`` of the folder instead of to
            the standard output of this process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config.dump(folder / "config.py")
    write_json(folder / "job.json", asdict(job))
    command = [sys.executable, str(script), "--job", str(folder)]
    with ExitStack() as stack:
        errors = stack.enter_context((folder / "log.txt").open("w"))
        output = None
        if quiet:
            output = stack.enter_context((folder / "progress.txt").open("a"))
        return subprocess.Popen(command, stdout=output, stderr=errors)


def outcome(folder: Path, code: int) -> str | None:
    """What went wrong in a job whose process has ended, None if nothing did."""
    log = folder / "log.txt"
    if code == 0:
        return None
    if code < 0:
        return f"stopped by signal {-code}; 9 may be a lack of memory (see {log})"
    lines = log.read_text(errors="replace").strip().splitlines()
    last = lines[-1].strip() if lines else f"it ended with status {code}"
    return f"{last} (see {log})"
