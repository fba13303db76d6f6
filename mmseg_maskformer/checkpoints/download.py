"""Fetch a file into a folder: resumed after an interruption, checked, then renamed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

try:
    import fcntl
except ImportError:  # Windows: there, two processes must not download one file
    fcntl = None  # type: ignore[assignment]

# torch's convention: the last part of a name is the beginning of the SHA-256. Eight
# digits alone are a date.
_HASH_IN_NAME = re.compile(r"-(?!\d{8}\.)([0-9a-f]{8,64})\.\w+$")
_TIMEOUT = 60  # seconds without an answer


def download(url: str, folder: Path) -> Path:
    """The file behind an address, fetched unless ``folder`` has it.

    Of several processes one fetches and the others wait. What arrives is kept under
    ``<name>.partial`` until it is complete; another call continues there if the server
    says that the file is still the same. A name that ends in ``-<hash>.<suffix>`` is
    checked.

    Raises:
        OSError: The server cannot be reached, refuses, or breaks off.
        ValueError: The file has another hash than its name says; it is deleted.
    """
    path = folder / file_name(url)
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(path.with_name(f"{path.name}.lock")):
        if not path.is_file():
            _fetch_checked(url, path)
    return path


def file_name(url: str) -> str:
    """The last part of an address, without a query."""
    return os.path.basename(urlsplit(url).path)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process is here; the file ``lock`` is gone afterwards."""
    while fcntl is not None:
        with lock.open("a") as file:
            _wait_for(file.fileno(), lock)
            if not _is_open_file(lock, file.fileno()):
                continue  # who had it has deleted it
            try:
                yield
            finally:
                lock.unlink()
            return
    yield


def _wait_for(descriptor: int, lock: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        raise OSError(
            f"The file system of {lock.parent} cannot lock files ({error}). Set "
            "TORCH_HOME to a folder on another one."
        ) from error


def _is_open_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _fetch_checked(url: str, path: Path) -> None:
    partial, version = (path.with_name(path.name + x) for x in (".partial", ".version"))
    try:
        _fetch(url, partial, version)
    except (OSError, HTTPException) as error:
        raise OSError(
            f"{url} could not be downloaded ({error}). Run the same command again: it "
            f"continues with {partial}, if any of the file has arrived there."
        ) from error
    version.unlink(missing_ok=True)
    _check_hash(url, partial)
    os.replace(partial, path)


def _fetch(url: str, partial: Path, version: Path) -> None:
    """Append to ``partial`` what is missing of the file that ``version`` identifies."""
    known = version.read_text() if version.exists() and partial.exists() else ""
    start = partial.stat().st_size if known else 0
    with _ask(url, start, known) as answer:
        part = answer.headers.get("Content-Range", "")
        if start and part == f"bytes */{start}":
            return  # nothing was missing
        found = _version(answer.headers)
        resumed = start > 0 and part.startswith(f"bytes {start}-")
        if answer.status != 416 and (not resumed or found in ("", known)):
            if not resumed:
                partial.unlink(missing_ok=True)
                version.write_text(found)
            _append(answer, partial)
            return
    version.unlink()  # what was kept is a part of another file
    _fetch(url, partial, version)


def _ask(url: str, start: int, known: str) -> HTTPResponse | HTTPError:
    """Ask for the bytes from ``start`` on, or for all if the file has changed."""
    headers = {"User-Agent": "mmseg_maskformer"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": known}
    try:
        return urlopen(Request(url, headers=headers), timeout=_TIMEOUT)
    except HTTPError as error:
        if start and error.code == 416:
            return error  # an answer: there is nothing from there on
        raise


def _version(headers: Message) -> str:
    """What identifies the content of a file; empty if the server does not say."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")


def _append(answer: HTTPResponse | HTTPError, partial: Path) -> None:
    """Write the body at the end of ``partial``."""
    with partial.open("ab") as file:
        before = file.tell()
        shutil.copyfileobj(answer, file)
        arrived = file.tell() - before
    expected = answer.headers.get("Content-Length")
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
