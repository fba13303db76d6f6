"""The hosts' ways of loading, taught about foreign files.

``load_from=``, ``init_cfg=dict(type="Pretrained", checkpoint=...)`` and
``load_checkpoint`` take, besides what they took before: ``.pkl`` and ``.safetensors``
files, ``maskformer://<zoo name>`` and ``hf://<repository>``. What the names inside are
is seen by :func:`convert_on_load`, a hook of our models.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import barrier, get_rank
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from . import zoo
from .convert import detect_layout, to_ours
from .download import download, file_name
from .files import read_checkpoint

_HUB_FILES = ("model.safetensors", "pytorch_model.bin")


def convert_on_load(
    model: nn.Module, state_dict: dict[str, Tensor], prefix: str, *_: Any
) -> None:
    """Replace foreign names by ours, in place; a pre-hook of ``load_state_dict``.

    What is missing or of another shape is left out and what is unknown stays, so that
    the host reports both as it does for checkpoints of its own. What the file is not
    about (a file of a backbone alone) keeps its values.
    """
    layout = None if prefix else detect_layout(state_dict)
    if layout is None:
        return
    target = model.state_dict()
    converted, report = to_ours(state_dict, target, layout)
    level = logging.INFO if report.complete else logging.WARNING
    print_log(str(report), logger="current", level=level)
    unknown = {name: state_dict[name] for name in report.extra}
    others = {n: x for n, x in target.items() if not n.startswith(layout.scope)}
    state_dict.clear()
    state_dict.update(others | converted | unknown)


def register_schemes() -> None:
    """Teach mmengine's ``CheckpointLoader`` the files and schemes, once."""
    loaders = {
        r"maskformer://": _load_released,
        r"hf://": _load_from_hub,
        # mmengine asks in reverse order of the alphabet: before its own https://
        r"https?://.*\.(?i:pkl)$": _load_from_web,
        r".*\.(?i:pkl|safetensors)$": _load_local,
    }
    for pattern, loader in loaders.items():
        CheckpointLoader.register_scheme(pattern, loader=loader, force=True)


def _load_local(filename: str, map_location: Any = None) -> dict:
    tensors = read_checkpoint(filename)
    if map_location not in (None, "cpu"):
        tensors = {name: x.to(map_location) for name, x in tensors.items()}
    return dict(state_dict=tensors, meta={})


def _load_from_web(filename: str, map_location: Any = None) -> dict:
    """From the folder that mmengine, too, keeps downloads in; rank 0 fetches."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    try:
        if get_rank() == 0:
            download(filename, folder)
    finally:
        barrier()  # also after a failure: the others must not wait for ever
    return _load_local(str(folder / file_name(filename)), map_location)


def _load_released(filename: str, map_location: Any = None) -> dict:
    url = zoo.zoo_url(filename.removeprefix("maskformer://"))
    print_log(
        f"{url}: weights of the paper's authors, licence {zoo.LICENSE} (not for "
        "commercial use).",
        logger="current",
    )
    return _load_from_web(url, map_location)


def _load_from_hub(filename: str, map_location: Any = None) -> dict:
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError
    except ImportError as error:
        raise ImportError(
            f"Loading {filename} needs: pip install huggingface_hub safetensors"
        ) from error
    repository = filename.removeprefix("hf://")
    for name in _HUB_FILES:
        try:
            path = hf_hub_download(repository, name)
        except EntryNotFoundError:
            continue
        return _load_local(path, map_location)
    raise FileNotFoundError(
        f"The repository {repository} has none of {', '.join(_HUB_FILES)}."
    )
