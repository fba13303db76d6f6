"""The images and videos that a command line names."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

from mmseg_maskformer.datasets.transforms.image_files import IMAGE_SUFFIXES, files_below

VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")
_KNOWN = (*IMAGE_SUFFIXES, *VIDEOS)


def is_video(path: Path) -> bool:
    """By the suffix."""
    return path.suffix.lower() in VIDEOS


def files_of(inputs: list[str], out: Path) -> list[Path]:
    """Images and videos that the inputs name, each once.

    Args:
        inputs: files, folders, which are searched with those in them, and patterns.
            Folders and patterns give files with a suffix of images and videos.
        out: where results go; a folder or pattern around it does not give them.

    Raises:
        SystemExit: An input names nothing, or results could replace it.
    """
    out = out.resolve()
    found: dict[Path, Path] = {}
    for text in inputs:
        if Path(text).exists():
            _require_outside(Path(text), out)
        paths = [x for x in _named(text) if not x.resolve().is_relative_to(out)]
        if not paths:
            raise SystemExit(f"{text}: there is no image or video of this name.")
        for path in paths:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _named(text: str) -> Iterator[Path]:
    path = Path(text)
    if path.is_dir():
        yield from files_below(path, _KNOWN)
    elif path.is_file():
        yield path
    else:
        for match in sorted(map(Path, glob.glob(text, recursive=True))):
            if match.is_dir():
                yield from files_below(match, _KNOWN)
            elif _is_known(match):
                yield match


def _is_known(path: Path) -> bool:
    return path.suffix.lower() in _KNOWN


def _require_outside(path: Path, out: Path) -> None:
    if path.resolve().is_relative_to(out):
        raise SystemExit(
            f"{path} lies in --out {out}, where results could replace it; name a "
            "folder of their own."
        )
