"""Arguments that several scripts have, and what their text means."""

from __future__ import annotations

import argparse
import atexit
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import torch
from mmengine.config import DictAction

from mmseg_maskformer.core.messages import not_there


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """Add settings that override a config."""
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        default={},
        metavar="KEY=VALUE",
        help="settings that override the config, e.g. train_dataloader.batch_size=4",
    )


def device_name(text: str) -> str:
    """A device that PyTorch has here, as "cpu" or "cuda:1".

    Raises:
        argparse.ArgumentTypeError: It has none of that name.
    """
    try:
        torch.empty(0, device=text)
    except (RuntimeError, AssertionError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no device that PyTorch has here ({str(error).splitlines()[0]}"
            "); name cpu, or cuda where there is a GPU."
        ) from error
    return text


def image_size(text: str) -> tuple[int, int]:
    """Height and width in pixels from "HxW", or from one number for both.

    Raises:
        argparse.ArgumentTypeError: The text is neither.
    """
    found = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", text)
    if not found:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size; write height and width in pixels as in 512x1024, or "
            "one number for a square."
        )
    height, width = found.groups()
    return int(height), int(width or height)


def at_least_one(text: str) -> int:
    """A number of things.

    Raises:
        argparse.ArgumentTypeError: The text is no whole number from 1.
    """
    return _whole_number(text, least=1)


def not_negative(text: str) -> int:
    """A number of things, or none.

    Raises:
        argparse.ArgumentTypeError: The text is no whole number from 0.
    """
    return _whole_number(text, least=0)


def _whole_number(text: str, least: int) -> int:
    if not re.fullmatch(r"\d+", text) or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least}.")
    return int(text)


def output_file(text: str) -> Path:
    """A file to be written; its folder is made now, before the work.

    Raises:
        argparse.ArgumentTypeError: The file is a folder, or its folder cannot be made
            or written.
    """
    path = Path(text)
    if text.endswith("/") or path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder; name a file in it.")
    output_folder(str(path.parent))
    return path


def new_output(text: str) -> Path:
    """A file or folder to be written that is not there; its folder is made now.

    Raises:
        argparse.ArgumentTypeError: It is there, or its folder cannot be made or
            written.
    """
    path = Path(text)
    if path.exists():
        raise argparse.ArgumentTypeError(
            f"{text} is there already; name another, or remove it."
        )
    output_folder(str(path.parent))
    return path


def output_folder(text: str) -> Path:
    """A folder for files to be written; it is made now, before the work.

    It is gone at the end of a program that wrote nothing there, for example because
    there was no such config.

    Raises:
        argparse.ArgumentTypeError: It cannot be made, or nothing can be written there.
    """
    path = Path(text)
    new = [x.absolute() for x in (path, *path.parents) if not x.exists()]
    atexit.register(_remove_empty, new)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f"the folder {text} cannot be made ({error.strerror}); name another."
        ) from error
    if not os.access(path, os.W_OK):
        raise argparse.ArgumentTypeError(
            f"the folder {text} may not be written to; name another."
        )
    return path


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders that hold nothing, the innermost first."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def require_file(path: str, kind: str) -> None:
    """Raise a FileNotFoundError where ``path`` is not a file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{not_there(f'{kind} file', path)}.")


def require_checkpoint(path: str) -> None:
    """Raise a FileNotFoundError where ``path`` is neither a file nor an address."""
    if "://" not in path:
        require_file(path, "checkpoint")
