"""Label maps: their values, and classes that are rare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.core.messages import other_labels, shown
from mmseg_maskformer.datasets.metainfo import lowered_message

from .class_counts import class_pixels, labels, occurrences, void_label, void_share
from .finding import Finding, Found
from .scan import Facts
from .sources import Source

_RARE = 0.01  # share of images
_MOSTLY = 0.5


def values(source: Source, facts: Sequence[Facts]) -> Found:
    """Values that are no class, which the model would meet as an index."""
    if source.kind != "semantic" or not source.classes:
        return
    count = len(source.classes)
    wrong = [(x, [v for v in labels(x, source) if not 0 <= v < count]) for x in facts]
    wrong = [(x, values) for x, values in wrong if values]
    if wrong:
        every = sorted({v for _, values in wrong for v in values})
        voids = shown(sorted({void_label(x, source) for x, _ in wrong}))
        yield Finding(
            "error",
            f"{len(wrong)} label map(s) have values that are none of the {count} "
            f"classes: {shown(every)}.",
            other_labels(voids),
            tuple(f"{x.item.labels}: {shown(values)}" for x, values in wrong),
        )


def binary(source: Source, facts: Sequence[Facts]) -> Found:
    """Masks that are drawn in black and white."""
    if source.kind != "semantic":
        return
    every = Counter[int]()
    for x in facts:
        every.update(x.values)
    if set(every) == {0, VOID}:
        yield Finding(
            "error",
            f"Label maps hold 0 and {VOID} only, and {VOID} is void: nothing but class "
            "0 is left to learn.",
            f"Write 1 for {VOID} if it is the class of the objects.",
        )


def mostly_void(source: Source, facts: Sequence[Facts]) -> Found:
    """Pixels and images that nothing is learned from."""
    if source.kind == "instances":
        return
    void = void_share(source, facts)
    empty = [x.item.labels for x in facts if x.values and not class_pixels(x, source)]
    if void > _MOSTLY:
        yield Finding(
            "warning",
            f"{100 * void:.1f} % of all pixels are void: no loss, no score.",
            "Check ignore_index and reduce_zero_label; a class of its own for what is "
            "no object is often meant.",
        )
    if empty:
        yield Finding(
            "warning",
            f"{len(empty)} image(s) are void altogether.",
            "They teach nothing; leave them out or label them.",
            tuple(empty),
        )


def never_seen(source: Source, facts: Sequence[Facts]) -> Found:
    """Classes without, and with few, training images."""
    images = sum(x.item.split == "train" for x in facts)
    if not images:
        return
    seen = occurrences(source, facts, "train")
    names = dict(enumerate(source.classes)) or {
        v: str(v) for v in range(max(seen, default=-1) + 1)
    }
    never = [names[label] for label in names if not seen[label]]
    if never:
        yield Finding(
            "warning",
            f"{len(never)} of {len(names)} classes never occur in training: "
            f"{shown(never)}.",
            "They cannot be learned; their IoU counts as 0 or is left out.",
        )
    rare = [names[k] for k in names if 0 < seen[k] < _RARE * images]
    if rare:
        yield Finding(
            "warning",
            f"{len(rare)} of {len(names)} classes occur in fewer than 1 % of the "
            f"{images} training images: {shown(rare)}.",
            "Scores of these classes rest on few pictures; average over seeds.",
        )


def lowered(source: Source, facts: Sequence[Facts]) -> Found:
    """Labels that began at 0, and were lowered by one all the same."""
    seen = occurrences(source, facts, "train")
    zero_is_void = any(x.item.zero_is_void for x in facts if x.item.split == "train")
    unseen = [name for label, name in enumerate(source.classes) if not seen[label]]
    if zero_is_void and (advice := lowered_message(unseen, source.classes)):
        zero = sum(x.values.get(0, 0) for x in facts if x.item.zero_is_void)
        yield Finding("warning", f"{zero} pixels of label 0 are void.", advice)


def only_in_validation(source: Source, facts: Sequence[Facts]) -> Found:
    """Classes that are scored and not trained."""
    train, val = (occurrences(source, facts, x) for x in ("train", "val"))
    if not train or not val:
        return
    only = sorted(set(val) - set(train))
    if only:
        names = [source.classes[k] if k < len(source.classes) else k for k in only]
        yield Finding(
            "warning",
            f"{len(only)} class(es) occur in validation and not in training: "
            f"{shown(names)}.",
            "Split anew, so that training has every class.",
        )
