"""The hosts' ways of naming a file, taught about foreign files.

``load_from=``, ``init_cfg=dict(type="Pretrained", checkpoint=...)`` of a model and
``load_checkpoint`` take, besides what they took before: ``.pkl`` and ``.safetensors``
files, ``maskformer://<zoo name>``, ``mask2former://<zoo name>`` and
``hf://<repository>``. No code runs from local files and addresses.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from mmengine.dist import barrier, get_dist_info
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import load_from_local
from torch import Tensor

from mmseg_maskformer.compat import reads_history_safely

from . import zoo
from .files import innermost, read_checkpoint, read_content
from .loading import with_source

_NOT_OF_TORCH = (".pkl", ".safetensors")
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
# torch's convention: the last part of a name is the beginning of the SHA-256. Eight
# digits alone are a date.
_HASH_IN_NAME = re.compile(r"-(?!\d{8}\.)([0-9a-f]{8,64})\.\w+$")


def install_loaders(class_orders: Mapping[str, Sequence[int]]) -> None:
    """Teach mmengine's ``CheckpointLoader`` the schemes; replace two of its loaders.

    Those of local files and of addresses run, in some versions, what a file asks for.

    Args:
        class_orders: as for :func:`~mmseg_maskformer.checkpoints.zoo.class_order`.
    """
    read = Loaders(class_orders)
    loaders = {
        "maskformer://": read.load_from_zoo,
        "mask2former://": read.load_from_zoo,
        "hf://": read.load_from_hf,
        "http://": read.load_from_http,
        "https://": read.load_from_http,
        "": read.load_from_file,  # every other name
    }
    for prefix, loader in loaders.items():
        CheckpointLoader.register_scheme(prefix, loader=loader, force=True)


class Loaders:
    """Readers of all schemes.

    mmengine logs the names of the methods from the eleventh letter on.

    Args:
        class_orders: as for :func:`~mmseg_maskformer.checkpoints.zoo.class_order`.
    """

    def __init__(self, class_orders: Mapping[str, Sequence[int]]) -> None:
        self.class_orders = class_orders

    def load_from_file(self, filename: str | Path, map_location: Any = None) -> dict:
        """What a local file holds, its tensors under ``state_dict``.

        Args:
            filename: of any kind that ``read_checkpoint`` knows; ``~`` is the home
                folder.
            map_location: as for ``torch.load``.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is damaged, holds something else, or wants to run code.
        """
        path = Path(filename)
        if path.suffix.lower() in _NOT_OF_TORCH:
            device = _device(map_location)
            tensors = read_checkpoint(path)
            moved = {name: tensor.to(device) for name, tensor in tensors.items()}
            return dict(meta={}, state_dict=self._named(moved, path.name))
        if reads_history_safely():
            content = read_content(path, map_location)
        else:
            content = load_from_local(str(path), map_location)
        if not isinstance(content, Mapping):
            raise ValueError(
                f"{path} holds a {type(content).__name__}, not tensors by name."
            )
        found = _with_state_dict(content)
        return found | dict(state_dict=with_source(found["state_dict"], path.name))

    def load_from_http(self, filename: str, map_location: Any = None) -> dict:
        """What the file behind an address holds; see :meth:`load_from_file`."""
        with _downloaded(filename) as path:
            return self.load_from_file(path, map_location)

    def load_from_zoo(self, filename: str, map_location: Any = None) -> dict:
        """A model that the papers' authors released, by its zoo name."""
        scheme, _, name = filename.partition("://")
        url = zoo.zoo_url(name, scheme)
        print_log(
            f"{url}: weights of the paper's authors, licence {zoo.LICENSE} (not for "
            "commercial use).",
            logger="current",
        )
        return self.load_from_http(url, map_location)

    def load_from_hf(self, filename: str, map_location: Any = None) -> dict:
        """The weights in a repository of the Hugging Face hub.

        Raises:
            OSError: The hub cannot be reached and nothing is cached, or has no such
                file.
        """
        repository = filename.removeprefix("hf://")
        loaded = self.load_from_file(_from_hub(repository), map_location)
        return loaded | dict(state_dict=self._named(loaded["state_dict"], repository))

    def _named(self, tensors: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
        return with_source(tensors, source, zoo.class_order(source, self.class_orders))


def _with_state_dict(content: Mapping) -> dict:
    """The same with its tensors where mmengine looks for them."""
    tensors = innermost(content)
    if tensors is content:
        return dict(meta={}, state_dict=content)
    meta = content.get("meta", {})  # some hosts ask for it
    if isinstance(meta, Mapping):  # a runner that resumes runs the text of "config"
        meta = {key: value for key, value in meta.items() if key != "config"}
    return {**content, "meta": meta, "state_dict": tensors}


def _device(map_location: Any) -> Any:
    """Where ``torch.load`` with this argument would put a tensor of the CPU."""
    if isinstance(map_location, Mapping):
        return map_location.get("cpu", "cpu")
    if callable(map_location) and not isinstance(map_location, torch.device):
        storage = map_location(torch.UntypedStorage(0), "cpu")
        return "cpu" if storage is None else storage.device
    return map_location or "cpu"


@contextmanager
def _downloaded(url: str) -> Iterator[Path]:
    """The file in the folder of torch's downloads; set aside if it is damaged.

    torch does not notice when a connection ends too early.
    """
    path = _download(url, Path(torch.hub.get_dir()) / "checkpoints")
    try:
        yield path
    except ValueError as error:
        damaged = path.with_name(f"{path.name}.damaged")
        if path.exists():
            path.replace(damaged)
        raise ValueError(
            f"{error} It is {damaged} now, so that the next run downloads it again."
        ) from error


def _download(url: str, folder: Path) -> Path:
    """The file behind an address, fetched unless ``folder`` has it.

    Of the processes of a training the first fetches and the others wait.

    Raises:
        OSError: The server cannot be reached or refuses.
        ValueError: The file has another hash than its name says.
    """
    path = _place(url, folder)
    rank, processes = get_dist_info()
    try:
        if rank == 0 and not path.is_file():
            _fetch(url, path)
    finally:
        if processes > 1:
            barrier()
    if not path.is_file():  # a file system of its own
        _fetch(url, path)
    return path


def _place(url: str, folder: Path) -> Path:
    """Where the file behind an address is kept, under its own name.

    Names that no two files share stand side by side, as torch has them; files of other
    names in a folder for each address.
    """
    name = os.path.basename(urlsplit(url).path)
    if _HASH_IN_NAME.search(name) or zoo.is_released(name):
        return folder / name
    return folder / hashlib.sha256(url.encode()).hexdigest()[:16] / name


def _fetch(url: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted = _HASH_IN_NAME.search(path.name)
    try:
        torch.hub.download_url_to_file(url, str(path), wanted and wanted[1])
    except (OSError, HTTPException) as error:
        raise OSError(
            f"{url} could not be downloaded ({error}). Run the same command again, or "
            f"copy the file to {path} by other means."
        ) from error
    except RuntimeError as error:  # of the hash
        raise ValueError(
            f"{url} is not the file that its name says ({error}): it was damaged on "
            "its way or replaced. Nothing was kept; try again."
        ) from error


def _from_hub(repository: str) -> str:
    """The file of weights of a repository; the only place that needs the hub."""
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
    except ImportError as error:
        raise ImportError(
            f"Loading hf://{repository} needs: pip install huggingface_hub safetensors"
        ) from error
    for name in _HUB_FILES:
        try:
            return hf_hub_download(repository, name)
        except LocalEntryNotFoundError as error:
            raise OSError(
                f"{name} of {repository} is not in the cache, and the hub cannot be "
                "reached. Load it once with a connection, or copy the file and name it."
            ) from error
        except EntryNotFoundError:
            continue
    raise FileNotFoundError(
        f"The repository {repository} has none of {', '.join(_HUB_FILES)}."
    )
