"""Fetch a file into a folder: resumed after an interruption, checked, then renamed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

# torch's convention: the last part of a name is the beginning of the SHA-256.
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.\w+$")
_TIMEOUT = 60  # seconds without an answer


def download(url: str, folder: Path) -> Path:
    """The file behind an address, fetched unless ``folder`` has it.

    What arrives is kept under ``<name>.partial`` until it is complete, so that another
    call continues there. A name that ends in ``-<hash>.<suffix>`` is checked.

    Raises:
        OSError: The server cannot be reached, refuses, or breaks off.
        ValueError: The file has another hash than its name says; it is deleted.
    """
    path = folder / file_name(url)
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        _fetch(url, partial)
    except (URLError, OSError) as error:
        raise OSError(
            f"{url} could not be downloaded ({error}). Run the same command again: it "
            f"continues with {partial}, if any of the file has arrived there."
        ) from error
    _check_hash(url, partial)
    os.replace(partial, path)
    return path


def file_name(url: str) -> str:
    """The last part of an address, without a query."""
    return os.path.basename(urlsplit(url).path)


def _fetch(url: str, partial: Path) -> None:
    """Append to ``partial`` what is missing of the file."""
    start = partial.stat().st_size if partial.exists() else 0
    request = Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        answer = urlopen(request, timeout=_TIMEOUT)
    except HTTPError as error:
        if error.code == 416:  # nothing is missing, or the partial file is another's
            partial.unlink()
        raise
    with answer:
        resumed = answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        expected = answer.headers.get("Content-Length")
        with partial.open("ab" if resumed else "wb") as file:
            before = file.tell()
            shutil.copyfileobj(answer, file)
            arrived = file.tell() - before
    if expected is not None and arrived < int(expected):
        raise OSError(f"{arrived} of {expected} bytes arrived")


def _check_hash(url: str, partial: Path) -> None:
    wanted = _HASH_IN_NAME.search(file_name(url))
    if wanted is None:
        return
    digest = hashlib.sha256()
    with partial.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    found = digest.hexdigest()
    if not found.startswith(wanted[1]):
        partial.unlink()
        raise ValueError(
            f"{url} has the SHA-256 {found}, but its name says {wanted[1]}: the file "
            "was damaged on its way or replaced. It was deleted; try again."
        )
