"""What a model checks and converts when it loads weights.

What the names in a file are is seen by :func:`convert_on_load`, a hook of our models;
``loaders.py`` reads the files.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from mmengine.logging import print_log
from torch import Tensor, nn

from .channels import check_channels, colour_convolutions, first_convolution
from .convert import Report, check_family, detect_layout, to_ours
from .fit import REMEDY, misfit, misfit_of_report
from .layout import NETWORK
from .mask2former import OPENMMLAB_MASK2FORMER
from .openmmlab import OPENMMLAB
from .wrappers import strip_wrappers, unwrapped
from .zoo import is_released, reorder_classes

_THINGS_FIRST = (OPENMMLAB.name, OPENMMLAB_MASK2FORMER.name)  # as models here
# In the metadata of a state dict.
_SOURCE, _CLASS_ORDER = "source", "class_order"


def with_source(
    tensors: Mapping[str, Tensor], source: str, class_order: list[int] | None = None
) -> OrderedDict[str, Tensor]:
    """A state dict that tells the hooks of a model where it is from.

    Args:
        tensors: by name, in the file's layout.
        source: name of the file or repository.
        class_order: rows of the class layer of a panoptic model here, where the file
            is known to have them in another order.
    """
    found: Any = OrderedDict(tensors)
    metadata = getattr(tensors, "_metadata", None) or {}
    about = {_SOURCE: source, _CLASS_ORDER: class_order}
    known = {key: value for key, value in about.items() if value is not None}
    found._metadata = {**metadata, "": {**metadata.get("", {}), **known}}
    return found


def _about(tensors: Mapping[str, Tensor], key: str) -> Any:
    """What :func:`with_source` has put beside tensors; None where it has not."""
    return (getattr(tensors, "_metadata", None) or {}).get("", {}).get(key)


def register_load_hooks(model: Any) -> None:
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

    See :func:`make_ours`. Logs the account, and warns of classes whose order is not
    known.
    """
    if prefix:
        return
    report = make_ours(model, state_dict)
    if report is not None:
        level = logging.INFO if report.complete else logging.WARNING
        print_log(str(report), logger="current", level=level)
        warn_of_order(model, report, _about(state_dict, _SOURCE) or "The weights' file")


def make_ours(model: Any, state_dict: dict[str, Tensor]) -> Report | None:
    """Replace foreign names by ours, in place.

    Names that a wrapper has put before those of a model are removed first. Classes get
    the order of a model with things and stuff; one of another task keeps the file's.
    What is missing or of another shape is left out and what is unknown stays, so that
    the host reports both as it does for checkpoints of its own. What the file is not
    about (a file of a backbone alone) keeps its values.

    Returns:
        The account of the conversion; None where no layout was recognised.

    Raises:
        ValueError: The file is about images of other channels, or holds a model of the
            other family.
    """
    stem = first_convolution(model.get_submodule("backbone"))
    if stem is not None and len(colour_convolutions(state_dict)) == 1:
        check_channels(3, stem[1].in_channels)
    target = model.state_dict()
    strip_wrappers(state_dict, target)
    layout = detect_layout(state_dict)
    check_family(state_dict, target, layout)
    if layout is None:
        model.weights_misfit = misfit(state_dict, target)
        return None
    order = _about(state_dict, _CLASS_ORDER)
    if order is not None and all(_things_and_stuff(model)):
        reorder_classes(state_dict, order)
        print_log(
            f"The classes of {_about(state_dict, _SOURCE)} are put in our order, "
            "things before stuff.",
            logger="current",
        )
    converted, report = to_ours(state_dict, target, layout)
    unknown = {name: state_dict[name] for name in report.extra}
    others = {n: x for n, x in target.items() if not n.startswith(layout.scope)}
    model.weights_misfit = misfit_of_report(report, others, converted)
    state_dict.clear()
    state_dict.update(others | converted | unknown)
    return report


def warn_of_order(model: Any, report: Report, source: str) -> None:
    """Warn of panoptic classes that may stand in another order than the model's.

    Args:
        model: any of ours.
        report: of the conversion of the file.
        source: name of the file or repository.
    """
    things, stuff = _things_and_stuff(model)
    classifier = f"{NETWORK}.class_head.weight"
    if not stuff or classifier not in report.filled:
        return
    if report.layout in _THINGS_FIRST or is_released(source):
        return
    print_log(
        f"{source} is no name of a released file, so its classes are taken as they "
        f"stand, {things} things before {stuff} stuff. The authors' panoptic models of "
        "ADE20K, Cityscapes and Mapillary have another order: if it is one of these, "
        "load it as model_final_XXXXXX.pkl, mask2former://NAME or hf://facebook/NAME, "
        "so that classes are reordered.",
        logger="current",
        level=logging.WARNING,
    )


def _things_and_stuff(model: Any) -> list[int]:
    """The number of classes of each; 0 of both of a semantic model."""
    return [getattr(model, f"num_{x}_classes", 0) for x in ("things", "stuff")]


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

    unwrapped(model)._register_load_state_dict_pre_hook(check, with_module=True)


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
