"""Pipelines that would separate image and annotation, found when they are built."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from mmcv.transforms import TestTimeAug
from PIL import Image

from mmseg_maskformer.core.conventions import VOID, WIDE_VOID

from .metainfo import zero_label_message
from .pipeline_steps import Step, flattened, name_of
from .pipeline_trials import MisplacedError, Trial
from .trial_images import random_numbers
from .wrappers import parts_of

_FLIP_KEYS = ("flip", "flip_direction")
_FITTING = (
    "the resizing, RandomFlip, RandomCrop, Pad, Rotate, Shear*, Translate* and Expand "
    "of the hosts move both, and changes of colour move nothing (docs/data.md)"
)


def check_built(dataset: Any) -> None:
    """Check the pipeline of a data set that may be for training or for evaluation.

    With ``test_mode`` it is for evaluation; without, it must suit one of the two.

    Raises:
        ValueError: See :func:`check_pipelines`.
    """
    if dataset.test_mode:
        check_pipelines(dataset, evaluated=True)
        return
    try:
        check_pipelines(dataset, evaluated=False)
    except ValueError as error:
        moved = error.__cause__
        if not isinstance(moved, MisplacedError) or moved.how != "early":
            raise
        check_pipelines(dataset, evaluated=True)  # labels come last there


def check_pipelines(dataset: Any, evaluated: bool) -> None:
    """Try the transforms of a data set, wrapped ones too, on made-up images.

    Random numbers go on as if nothing had been drawn. Transforms that fail on such
    images are named in a warning and left alone.

    Args:
        dataset: of either host.
        evaluated: its results are compared with annotations, so that the image must
            reach the model whole; else it is trained on.

    Raises:
        ValueError: A transform separates image and annotation, or contradicts the data
            set.
    """
    for leaf, steps in chains(dataset):
        _check_zero_label(leaf, steps)
        _check_label_bits(leaf, steps)
        _check_packing(leaf, steps)
        with random_numbers(seed=0):
            try:
                if evaluated:
                    _evaluate(leaf, steps)
                else:
                    _trial(leaf, steps).train(steps)
            except MisplacedError as moved:
                where = f"the pipeline of {_described(leaf)}"
                raise ValueError(_message(moved, where, leaf)) from moved


def chains(dataset: Any) -> Iterator[tuple[Any, list[Step]]]:
    """Every data set that others wrap, with all transforms that its images meet."""
    own = getattr(dataset, "pipeline", None)
    own = getattr(own, "transforms", own)
    own = list(own) if isinstance(own, list | tuple) else []
    parts = parts_of(dataset)
    if not parts:
        yield dataset, own
    for part in parts:
        for leaf, steps in chains(part):
            yield leaf, [*steps, *own]


def _trial(leaf: Any, steps: Sequence[Step]) -> Trial:
    """What suits the data set and its transforms."""
    names = {kind.__name__ for step in flattened(steps) for kind in type(step).__mro__}
    given = getattr(leaf, "GIVES_MAPS", "")
    return Trial(
        panoptic=given == "segments" or "LoadPanopticMap" in names,
        given=bool(given),
        void=getattr(leaf, "ignore_index", VOID),
        num_classes=_num_classes(leaf),
    )


def _num_classes(leaf: Any) -> int:
    """Number of a data set's classes, 0 if it names none."""
    return len((getattr(leaf, "metainfo", None) or {}).get("classes") or ())


def _evaluate(leaf: Any, steps: Sequence[Step]) -> None:
    """Try every view that test-time augmentation makes, or the only one."""
    places = [k for k, step in enumerate(steps) if isinstance(step, TestTimeAug)]
    if not places:
        # Segmentors turn results back, detectors do not.
        unflips = hasattr(leaf, "reduce_zero_label")
        _check_flips(leaf, steps)
        _trial(leaf, steps).evaluate(steps, unflips)
        return
    for number, view in enumerate(steps[places[0]].subroutines):
        chain = [*steps[: places[0]], *view.transforms]
        _check_flips(leaf, chain)
        _trial(leaf, chain).evaluate(chain, unflips=True, compared=number == 0)


def _check_zero_label(leaf: Any, steps: Sequence[Step]) -> None:
    """Refuse a transform that says another thing than the data set."""
    data_set = getattr(leaf, "reduce_zero_label", None)
    for step in flattened(steps):
        given = getattr(step, "reduce_zero_label", None)
        if None not in (data_set, given) and bool(given) != bool(data_set):
            where = f"{name_of(step)} in the pipeline of {_described(leaf)}"
            raise ValueError(zero_label_message(where, given, data_set))


def _check_label_bits(leaf: Any, steps: Sequence[Step]) -> None:
    """Refuse MMSegmentation's loading, of 8 bits, where they cannot hold a label."""
    for step in flattened(_with_views(steps)):
        load = getattr(type(step), "_load_seg_map", None)
        if load is None or not load.__module__.startswith("mmseg."):
            continue
        whole = type(step).transform.__module__.startswith(("mmseg.", "mmcv."))
        if whole and (wide := _wide_labels(leaf)):
            raise ValueError(
                f"{name_of(step)} in the pipeline of {_described(leaf)} keeps 8 bits of"
                f" a label, and {wide}: labels above 255 would begin at 0 again. Set "
                "type='mmseg_maskformer.LoadLabelMap' in its place."
            )


def _wide_labels(leaf: Any) -> str:
    """What needs more than 8 bits: the classes, or the first label map; "" if none.

    65535 does not: it becomes 255, which is void as well.
    """
    if (classes := _num_classes(leaf)) > VOID:
        return f"the data set has {classes} classes"
    known = getattr(leaf, "_fully_initialized", False) and len(leaf)
    path = leaf.get_data_info(0).get("seg_map_path") if known else None
    if not path or not os.path.isfile(path):
        return ""
    labels = np.zeros((), np.int32)
    unread = OSError, Image.DecompressionBombError  # loading names what is wrong
    with suppress(*unread), Image.open(path) as opened:
        if opened.mode.startswith("I"):  # more than 8 bits
            labels = np.asarray(opened)
    high = int(labels.max(initial=0, where=labels != WIDE_VOID))
    return f"{path} has the label {high}" if high > VOID else ""


def _check_flips(leaf: Any, steps: Sequence[Step]) -> None:
    """Refuse to pack a mirrored image without saying that it is mirrored."""
    flat = list(flattened(steps))
    if not any("Flip" in name_of(x) and getattr(x, "prob", None) for x in flat):
        return
    for step in flat:
        packed = getattr(step, "meta_keys", _FLIP_KEYS)
        if missing := [key for key in _FLIP_KEYS if key not in packed]:
            raise ValueError(
                f"{name_of(step)} in the pipeline of {_described(leaf)} has meta_keys "
                f"without {' and '.join(missing)}: results of mirrored images could "
                "not be turned back. Add them, or leave meta_keys out."
            )


def _check_packing(leaf: Any, steps: Sequence[Step]) -> None:
    """Refuse to pack numbers of segments as classes."""
    names = [name_of(step) for step in flattened(_with_views(steps))]
    packers = {name for name in names if name.startswith("Pack")}
    given = getattr(leaf, "GIVES_MAPS", "") == "segments"
    if (given or "LoadPanopticMap" in names) and packers - {"PackPanopticInputs"}:
        wrong = min(packers - {"PackPanopticInputs"})
        raise ValueError(
            f"{wrong} in the pipeline of {_described(leaf)} would pack numbers of "
            "segments as classes: end it with mmseg_maskformer.PackPanopticInputs. "
            "(MMDetection's --tta puts its own there where a config has no "
            "tta_pipeline; docs/inference.md says what it needs.)"
        )


def _with_views(steps: Sequence[Step]) -> Iterator[Step]:
    """The transforms, with those of test-time augmentation, once for each view."""
    for step in steps:
        if isinstance(step, TestTimeAug):
            yield from step.subroutines
        else:
            yield step


def _described(leaf: Any) -> str:
    """Class of a data set, and its file or folder."""
    folders = getattr(leaf, "data_prefix", None) or {}
    place = getattr(leaf, "ann_file", "") or folders.get("seg_map_path", "")
    return f"{type(leaf).__name__} {place}".strip()


def _message(moved: MisplacedError, where: str, leaf: Any) -> str:
    """What is wrong with a transform, and what helps."""
    void = getattr(leaf, "ignore_index", 0)
    texts = dict(
        early="moves the image before its annotation is loaded, and so not the "
        "annotation: in training load annotations first.",
        apart="moves the image and not its annotation, or mixes images: of made-up "
        f"images {moved.detail} of the pixels fit their labels afterwards. Leave "
        f"it out; {_FITTING}.",
        mixed=f"makes {moved.detail} out of the labels of made-up images, as one that "
        f"interpolates labels. Leave it out; {_FITTING}.",
        filled=f"fills {moved.detail} into label maps, which is not void. Set it to "
        f"{void}: pad_val=dict(img=128, seg={void}) of Pad, seg_pad_val or "
        "seg_ignore_label of others.",
        annotation="changes the annotation of an evaluated image, and results have "
        "the size and the place of the file. Load annotations after it, last before "
        "the packing.",
        image="pads, flips, crops or moves an evaluated image, and results are brought "
        "from img_shape to the size of the file as if it did not. Leave it out: "
        "padding belongs to data_preprocessor (pad_size_divisor of mmdet's, "
        "test_cfg=dict(size_divisor=...) of mmseg's), flips to TestTimeAug.",
    )
    return f"{name_of(moved.step)} in {where} {texts[moved.how]}"
