"""What data sets say about their classes, joined ones too."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mmseg_maskformer.datasets.palette import class_palette

_KEYS = ("classes", "thing_classes", "stuff_classes")


def check_class_names(metainfo: Mapping[str, Any]) -> None:
    """Refuse a text where a list of names is needed: its letters would be classes.

    Raises:
        ValueError: As ``classes=("crack")``, which lacks the comma of a tuple.
    """
    for key in _KEYS:
        if isinstance(name := metainfo.get(key), str):
            raise ValueError(
                f"metainfo[{key!r}] of the data set is the text {name!r} and no list of"
                f" names. Write {key}=({name!r},) with a comma, or [{name!r}]."
            )


def merged_metainfo(
    merged: dict[str, Any], given: Mapping[str, Any] | None, own: Mapping[str, Any]
) -> dict[str, Any]:
    """``metainfo`` of a data set with a colour for each class.

    Classes that are given without a palette have the data set's own colours if it knows
    all of them, otherwise made-up ones.

    Args:
        merged: the host's merging of the next two.
        given: ``metainfo`` of the config.
        own: ``METAINFO`` of the data set.

    Raises:
        ValueError: Classes are no list of names, or a palette that was given does not
            have a colour for each.
    """
    check_class_names(merged)
    classes, palette = merged.get("classes") or (), (given or {}).get("palette")
    if palette is None:
        return {**merged, "palette": _colours(classes, own)}
    if not isinstance(palette, list | tuple) or len(palette) != len(classes):
        raise ValueError(
            f"metainfo of the data set has {len(classes)} classes, {classes!s:.120}, "
            f"and palette={palette!s:.120} with another number of colours. Write a "
            "colour (red, green, blue) for each class; if the palette is inherited from"
            " _base_, palette=None in metainfo makes colours up."
        )
    return merged


def _colours(classes: Collection[str], own: Mapping[str, Any]) -> list[Any]:
    """Colours of a data set's own classes, made-up ones if it lacks one of them."""
    known = dict(zip(own.get("classes") or (), own.get("palette") or (), strict=False))
    if all(name in known for name in classes):
        return [known[name] for name in classes]
    return [tuple(colour) for colour in class_palette(len(classes))]


def metainfo_of(dataset: Any) -> dict[str, Any]:
    """``metainfo`` of a data set; see :func:`one_metainfo`."""
    return one_metainfo(getattr(dataset, "metainfo", None) or {})


def one_metainfo(found: Any) -> dict[str, Any]:
    """``metainfo`` of a data set, of joined ones that of the first.

    MMDetection's ``ConcatDataset`` gives a list where they differ, be it in colours.

    Raises:
        ValueError: The classes of joined data sets differ, or are no list.
    """
    if not isinstance(found, list | tuple):
        check_class_names(found)
        return found
    first, *others = found
    for key in _KEYS:
        for place, other in enumerate(others, start=1):
            if list(other.get(key) or ()) != list(first.get(key) or ()):
                raise ValueError(
                    f"ConcatDataset joins data sets of different {key} in metainfo: "
                    f"{first.get(key)!s:.120} in the first and {other.get(key)!s:.120} "
                    f"in the one after {place}. Give all of them the same."
                )
    return first


def saved_classes(checkpoint: Mapping[str, Any]) -> Sequence[str]:
    """Classes of the data that a checkpoint was trained on; empty if it names none."""
    return _saved_metainfo(checkpoint).get("classes") or ()


def saved_palette(checkpoint: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
    """Colours of these classes; empty if it does not have one for each."""
    found = _saved_metainfo(checkpoint).get("palette")
    if isinstance(found, str) or found is None:  # MMDetection has names of palettes
        return ()
    colours = tuple(tuple(int(value) for value in colour) for colour in found)
    return colours if len(colours) == len(saved_classes(checkpoint)) else ()


def _saved_metainfo(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = checkpoint.get("meta") or {}
    found = meta.get("dataset_meta") or {}
    if isinstance(found, list | tuple):  # of joined data sets, whose classes are equal
        found = found[0]
    if found.get("classes"):
        return found
    return dict(classes=meta.get("CLASSES"), palette=meta.get("PALETTE"))  # mmseg 0.x


def check_class_order(
    first: tuple[str, Sequence[str]], second: tuple[str, Sequence[str]]
) -> None:
    """Raise ValueError for a class with another number in the second list.

    Args:
        first: how messages call it, and its classes.
        second: the same of another.
    """
    (here, ours), (there, theirs) = first, second
    for number, name in enumerate(ours):
        if name in theirs and list(theirs[number : number + 1]) != [name]:
            raise ValueError(
                f"The class {name!r} is number {number} in {here} and "
                f"{list(theirs).index(name)} in {there}: one would be taken for "
                "another. Give both the same order of metainfo['classes'], and of "
                "categories in annotation files; a checkpoint has that of its training."
            )


def zero_label_message(name: str, given: Any, of_data_set: Any) -> str:
    """What is wrong with a transform that contradicts its data set."""
    return (
        f"{name} has reduce_zero_label={given}, the data set {of_data_set}. Say it in "
        "the data sets, of training and of evaluation alike, and leave it out of the "
        "transforms."
    )


def lowered_message(unseen: Sequence[str], classes: Sequence[str]) -> str:
    """What to say of ``reduce_zero_label`` by the classes that do not occur.

    Args:
        unseen: those of the classes that do not occur.
        classes: of a data set that has ``reduce_zero_label``.

    Returns:
        Advice where the last of several classes alone does not occur, otherwise "".
    """
    if len(classes) < 2 or list(unseen) != list(classes[-1:]):
        return ""
    return (
        "The last class does not occur, as where reduce_zero_label=True lowers labels "
        "that begin at 0 already: leave it out unless 0 means unlabelled."
    )
