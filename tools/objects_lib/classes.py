"""The classes of objects and stuff, and what the values of label maps mean."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from mmseg_maskformer.core.conventions import VOID
from mmseg_maskformer.core.messages import shown

VOID_LABEL = -1
Named = tuple[int | None, str]  # a value of label maps, if any, and the name it has


class Classes(NamedTuple):
    """Classes, numbered things first; -1 is void.

    Attributes:
        categories: of each class ``id``, ``name`` and ``isthing``, as COCO lists them.
        num_things: how many of them are things.
        labels: class of each value of label maps.
        only: the category of every object of id maps, None where label maps say it.
        background: the class of pixels without an object where there is no label map.
    """

    categories: list[dict]
    num_things: int
    labels: dict[int, int]
    only: int | None
    background: int


def named(text: str) -> Named:
    """``VALUE=NAME``, or a name alone."""
    value, equals, name = text.partition("=")
    if equals and value.strip().isdecimal():
        return int(value), name.strip()
    return None, text.strip()


def choose_classes(
    things: list[Named],
    stuff: list[Named],
    background: str | None,
    void: Sequence[int] | None,
    has_labels: bool,
    listed: list[dict] | None,
) -> Classes:
    """The classes that a command line asks for.

    Args:
        things: of objects. Of COCO's the values of label maps alone; else all, a value
            each, or one without a value that is the class of every object.
        stuff: with their values.
        background: name of the stuff where there is no object.
        void: values of label maps, 255 by default unless it has a name.
        has_labels: whether there are label maps.
        listed: ``id`` and ``name`` of categories of COCO's objects, None of id maps.

    Raises:
        ValueError: They contradict each other, or one is missing.
    """
    is_open = listed is None
    behind: list[Named] = [] if background is None else [(None, background)]
    if listed is None:
        names = dict.fromkeys(name for _, name in things)
        listed = [dict(id=k, name=x) for k, x in enumerate(names, start=1)]
    around = dict.fromkeys(name for _, name in (*stuff, *behind))
    needed = [*stuff, *behind * has_labels, *things * (not is_open or len(things) > 1)]
    given = (*things, *stuff)
    meanings = {(value, name) for value, name in given if value is not None}
    faults = [
        *_faults_of_names(things, around, listed),
        *_faults_of_values(needed, meanings, void or (), has_labels),
    ]
    if faults:
        raise ValueError(faults[0])
    first = max(x["id"] for x in listed) + 1
    categories = [dict(x, isthing=1) for x in listed]
    categories += [dict(id=k, name=x, isthing=0) for k, x in enumerate(around, first)]
    order = {x["name"]: place for place, x in enumerate(categories)}
    return Classes(
        categories,
        num_things=len(listed),
        labels=dict.fromkeys([VOID] if void is None else void, VOID_LABEL)
        | {value: order[name] for value, name in meanings},
        only=listed[0]["id"] if is_open and None in dict(things) else None,
        background=order.get(background, VOID_LABEL),
    )


def _faults_of_names(
    things: list[Named], stuff: Collection[str], listed: list[dict]
) -> Iterator[str]:
    """Objects have a class, and none of stuff; of COCO's it is a category."""
    names = [category["name"] for category in listed]
    if not names:
        yield (
            "The objects have no class: write --things NAME, or with --label-maps "
            "FOLDER --things 1=NAME 2=NAME ..."
        )
    if "" in (*names, *stuff):
        yield "A class has an empty name: write VALUE=NAME, or NAME."
    if unknown := [name for _, name in things if name not in names]:
        yield (
            f"--things {shown(unknown)}: COCO's instances have the categories "
            f"{shown(names)}, so use their names."
        )
    if both := [name for name in names if name in stuff]:
        yield f"{both[0]} is a class of things and one of stuff: name one otherwise."


def _faults_of_values(
    needed: list[Named],
    meanings: Collection[tuple[int, str]],
    void: Sequence[int],
    has_labels: bool,
) -> Iterator[str]:
    """Who needs a value has one, there are label maps for it, and it has one name."""
    if bare := [name for value, name in needed if value is None]:
        yield (
            f"{shown(bare)} has no value of the label maps: write VALUE=NAME, as "
            f"0={bare[0]}, with --things or --stuff. Without one go --background where "
            "there are no label maps, and a single class of things for id maps."
        )
    if (meanings or void) and not has_labels:
        yield (
            "Values of label maps are named, but there are no label maps: give their "
            "folder, --label-maps FOLDER. Without them write --things NAME, and "
            "--background NAME for what is no object."
        )
    told = sorted({*meanings, *((value, "void") for value in void)})
    for (value, name), (other, second) in pairwise(told):
        if value == other:
            yield f"The value {value} is {name} and {second}: give it one name."
