"""The hosts' ways of loading, taught about foreign files.

``load_from=``, ``init_cfg=dict(type="Pretrained", checkpoint=...)`` of a model and
``load_checkpoint`` take, besides what they took before: ``.pkl`` and ``.safetensors``
files, ``maskformer://<zoo name>`` and ``hf://<repository>``. Local files and addresses
are read without running code from them. What the names inside are is seen by
:func:`convert_on_load`, a hook of our models.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import load_from_local
from torch import Tensor, nn

from mmseg_maskformer.compat import reads_history_safely

from . import zoo
from .channels import check_channels, colour_convolutions, first_convolution
from .convert import check_family, detect_layout, to_ours
from .download import download
from .files import innermost, read_checkpoint, read_content
from .fit import REMEDY, misfit, misfit_of_report
from .wrappers import strip_wrappers

_NOT_OF_TORCH = (".pkl", ".safetensors")
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")


def watch_loading(model: Any) -> None:
    """Give a model with a ``backbone`` the hooks of this module.

    It has in ``weights_misfit`` what was wrong with the weights that it loaded last;
    :func:`~mmseg_maskformer.checkpoints.fit.check_weights` looks there.
    """
    model.weights_misfit = None
    backbone = model.get_submodule("backbone")
    for module, hook in (
        (model, convert_on_load),
        (backbone, refuse_foreign_names),
        (backbone, refuse_other_channels),
    ):
        module._register_load_state_dict_pre_hook(hook, with_module=True)


def convert_on_load(
    model: Any, state_dict: dict[str, Tensor], prefix: str, *_: Any
) -> None:
    """Replace foreign names by ours, in place; a pre-hook of ``load_state_dict``.

    Names that a wrapper has put before those of a model are removed first.
    What is missing or of another shape is left out and what is unknown stays, so that
    the host reports both as it does for checkpoints of its own. What the file is not
    about (a file of a backbone alone) keeps its values.

    Raises:
        ValueError: The file is about images of other channels, or holds a model of the
            other family.
    """
    if prefix:
        return
    stem = first_convolution(model.get_submodule("backbone"))
    if stem is not None and len(colour_convolutions(state_dict)) == 1:
        check_channels(3, stem[1].in_channels)
    target = model.state_dict()
    strip_wrappers(state_dict, target)
    layout = detect_layout(state_dict)
    check_family(state_dict, target, layout)
    if layout is None:
        model.weights_misfit = misfit(state_dict, target)
        return
    converted, report = to_ours(state_dict, target, layout)
    level = logging.INFO if report.complete else logging.WARNING
    print_log(str(report), logger="current", level=level)
    unknown = {name: state_dict[name] for name in report.extra}
    others = {n: x for n, x in target.items() if not n.startswith(layout.scope)}
    model.weights_misfit = misfit_of_report(report, others, converted)
    state_dict.clear()
    state_dict.update(others | converted | unknown)


def refuse_foreign_names(
    backbone: nn.Module, state_dict: dict[str, Tensor], prefix: str, *_: Any
) -> None:
    """Stop where a backbone would keep most of its values; a pre-hook as above.

    Raises:
        ValueError: Less than half of the backbone's names, and of the file's, agree.
    """
    known = backbone.state_dict()
    common = len(known.keys() & state_dict.keys())
    if not prefix and 2 * common < min(len(known), len(state_dict)):
        raise ValueError(
            f"{common} of the {len(known)} tensors of {type(backbone).__name__} are in "
            f"the file of init_cfg={getattr(backbone, 'init_cfg', None)}. Another "
            "implementation's file belongs into init_cfg of the model, which converts "
            "the names; a whole model of ours needs prefix='backbone.'."
        )


def require_fit(model: Any, checkpoint: str, config: str) -> None:
    """Make a model, of ours or of a host, refuse weights that do not fit.

    Args:
        model: may stand in wrappers.
        checkpoint: that will be loaded, for the message.
        config: of the model, for the message.
    """

    def check(module: Any, weights: dict, prefix: str, *_: Any) -> None:
        if prefix:
            return
        if hasattr(module, "weights_misfit"):  # ours, which has looked already
            found = module.weights_misfit
        else:
            target = module.state_dict()
            strip_wrappers(weights, target)
            found = misfit(weights, target)
        if found is not None:
            raise ValueError(
                f"{checkpoint} does not fit the model of {config}: {found}. {REMEDY}"
            )

    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    model._register_load_state_dict_pre_hook(check, with_module=True)


def refuse_other_channels(
    backbone: nn.Module, state_dict: dict[str, Tensor], prefix: str, *_: Any
) -> None:
    """Stop where the first convolution would keep its values; a pre-hook as above.

    Raises:
        ValueError: The file is about images of other channels.
    """
    stem = first_convolution(backbone)
    weight = stem and state_dict.get(f"{prefix}{stem[0]}.weight")
    if stem and weight is not None and weight.ndim == 4:
        check_channels(weight.shape[1] * stem[1].groups, stem[1].in_channels)


def register_schemes() -> None:
    """Teach mmengine's ``CheckpointLoader`` the schemes; replace two of its loaders.

    Those of local files and of addresses run, in some versions, what a file asks for.
    """
    loaders = {
        "maskformer://": load_from_maskformer,
        "hf://": load_from_hf,
        "http://": load_from_http,
        "https://": load_from_http,
        "": load_from_file,  # every other name
    }
    for prefix, loader in loaders.items():
        CheckpointLoader.register_scheme(prefix, loader=loader, force=True)


# mmengine logs the names of these functions from the eleventh letter on.
def load_from_file(filename: str | Path, map_location: Any = None) -> dict:
    """What a local file holds, its tensors under ``state_dict``.

    Args:
        filename: of any kind that ``read_checkpoint`` knows; ``~`` is the home folder.
        map_location: as for ``torch.load``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, holds something else, or wants to run code.
    """
    path = Path(filename)
    if path.suffix.lower() in _NOT_OF_TORCH:
        device = _device(map_location)
        tensors = {name: x.to(device) for name, x in read_checkpoint(path).items()}
        return dict(meta={}, state_dict=tensors)
    if reads_history_safely():
        content = read_content(path, map_location)
    else:
        content = load_from_local(str(path), map_location)
    if not isinstance(content, Mapping):
        raise ValueError(
            f"{path} holds a {type(content).__name__}, not tensors by name."
        )
    return _with_state_dict(content)


def _with_state_dict(content: Mapping) -> dict:
    """The same with its tensors where mmengine looks for them."""
    tensors = innermost(content)
    if tensors is content:
        return dict(meta={}, state_dict=content)
    return {"meta": {}, **content, "state_dict": tensors}  # some hosts ask for "meta"


def _device(map_location: Any) -> Any:
    """Where ``torch.load`` with this argument would put a tensor of the CPU."""
    if isinstance(map_location, Mapping):
        return map_location.get("cpu", "cpu")
    if callable(map_location) and not isinstance(map_location, torch.device):
        storage = map_location(torch.UntypedStorage(0), "cpu")
        return "cpu" if storage is None else storage.device
    return map_location or "cpu"


def load_from_http(filename: str, map_location: Any = None) -> dict:
    """What the file behind an address holds; see :func:`load_from_file`."""
    with _downloaded(filename) as path:
        return load_from_file(path, map_location)


@contextmanager
def _downloaded(url: str) -> Iterator[Path]:
    """The file in the folder of mmengine's downloads; set aside if it is damaged."""
    path = download(url, Path(torch.hub.get_dir()) / "checkpoints")
    try:
        yield path
    except ValueError as error:
        damaged = path.with_name(f"{path.name}.damaged")
        if path.exists():
            path.replace(damaged)
        raise ValueError(
            f"{error} It is {damaged} now, so that the next run downloads it again."
        ) from error


def load_from_maskformer(filename: str, map_location: Any = None) -> dict:
    """A model that the paper's authors released, by its zoo name."""
    url = zoo.zoo_url(filename.removeprefix("maskformer://"))
    print_log(
        f"{url}: weights of the paper's authors, licence {zoo.LICENSE} (not for "
        "commercial use).",
        logger="current",
    )
    return load_from_http(url, map_location)


def load_from_hf(filename: str, map_location: Any = None) -> dict:
    """The weights in a repository of the Hugging Face hub.

    Raises:
        OSError: The hub cannot be reached and nothing is cached, or has no such file.
    """
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
    except ImportError as error:
        raise ImportError(
            f"Loading {filename} needs: pip install huggingface_hub safetensors"
        ) from error
    repository = filename.removeprefix("hf://")
    for name in _HUB_FILES:
        try:
            path = hf_hub_download(repository, name)
        except LocalEntryNotFoundError as error:
            raise OSError(
                f"{name} of {repository} is not in the cache, and the hub cannot be "
                "reached. Load it once with a connection, or copy the file and name it."
            ) from error
        except EntryNotFoundError:
            continue
        return load_from_file(path, map_location)
    raise FileNotFoundError(
        f"The repository {repository} has none of {', '.join(_HUB_FILES)}."
    )
