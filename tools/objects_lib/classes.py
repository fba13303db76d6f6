"""The classes of objects and stuff, and what the values of label maps mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mmseg_maskformer.core.conventions import VOID, shown


class Named(NamedTuple):
    """A class as it is given: a value of label maps, or None, and its name."""

    value: int | None
    name: str

    @classmethod
    def read(cls, text: str) -> Named:
        """``VALUE=NAME``, or a name alone."""
        value, equals, name = text.partition("=")
        if equals and value.strip().isdecimal():
            return cls(int(value), name.strip())
        return cls(None, text.strip())


@dataclass(frozen=True)
class Classes:
    """Classes, numbered things first.

    Args:
        categories: of each class ``id``, ``name`` and ``isthing``, as COCO lists them.
        labels: class of each value of label maps that has one.
        void: values of label maps that are void.
        only: the class of every object, None where it is to be found out.
        background: the class of pixels without an object, None where label maps say it
            or they are void.
    """

    categories: list[dict]
    labels: dict[int, int]
    void: frozenset[int]
    only: int | None = None
    background: int | None = None

    @property
    def names(self) -> list[str]:
        """Names in the order of the classes."""
        return [category["name"] for category in self.categories]

    @property
    def num_things(self) -> int:
        """How many of the first classes are things."""
        return sum(category["isthing"] for category in self.categories)

    @property
    def things(self) -> list[dict]:
        """The categories of things, as files of instances list them."""
        return [
            dict(id=category["id"], name=category["name"])
            for category in self.categories[: self.num_things]
        ]


def choose_classes(
    things: Sequence[Named],
    stuff: Sequence[Named],
    background: str | None = None,
    void: Sequence[int] | None = None,
    has_labels: bool = False,
    listed: list[dict] | None = None,
) -> Classes:
    """The classes that a command line asks for.

    Args:
        things: of objects. Of COCO's the values of label maps alone; else all, a value
            each, or one without a value that is the class of every object.
        stuff: with their values.
        background: name of the stuff where there is no object.
        void: values of label maps, 255 by default unless it has a name.
        has_labels: whether there are label maps.
        listed: the categories of COCO's objects, None of id maps.

    Raises:
        ValueError: They contradict each other, or one is missing.
    """
    named = {x.value: x.name for x in (*things, *stuff) if x.value is not None}
    _check_labels(things, stuff, background, void, has_labels)
    if listed is None:
        _check_things(things, has_labels)
        names = dict.fromkeys(x.name for x in things)
        listed = [dict(id=place, name=x) for place, x in enumerate(names, start=1)]
    else:
        _check_listed(things, listed)
    stuff_names = dict.fromkeys(x.name for x in stuff)
    if background is not None:
        stuff_names[background] = None
    _check_kinds([x["name"] for x in listed], list(stuff_names))
    first = max(category["id"] for category in listed) + 1
    categories = [dict(id=x["id"], name=x["name"], isthing=1) for x in listed]
    categories += [
        dict(id=place, name=x, isthing=0)
        for place, x in enumerate(stuff_names, start=first)
    ]
    order = {category["name"]: place for place, category in enumerate(categories)}
    is_single = len(things) == 1 and things[0].value is None
    return Classes(
        categories=categories,
        labels={value: order[name] for value, name in named.items()},
        void=frozenset({VOID} - set(named) if void is None else void),
        only=0 if is_single else None,
        background=None if background is None else order[background],
    )


def _check_labels(
    things: Sequence[Named],
    stuff: Sequence[Named],
    background: str | None,
    void: Sequence[int] | None,
    has_labels: bool,
) -> None:
    """Refuse values without label maps, and values of two meanings."""
    given = [*things, *stuff]
    if "" in {x.name for x in given} | {background}:
        raise ValueError("A class has an empty name: write VALUE=NAME, or NAME.")
    if not has_labels and (stuff or void or any(x.value is not None for x in given)):
        raise ValueError(
            "Values of label maps are named, but there are no label maps: give their "
            "folder, --label-maps FOLDER. Without them write --things NAME, and "
            "--background NAME for what is no object."
        )
    if has_labels and background is not None:
        raise ValueError(
            f"--background {background} goes without label maps. With them say which "
            f"values it has: --stuff 0={background}."
        )
    for name in (x.name for x in stuff if x.value is None):
        raise ValueError(
            f"--stuff {name} has no value of the label maps: write --stuff 0={name}."
        )
    meanings = {(x.value, x.name) for x in given if x.value is not None}
    meanings |= {(value, "void") for value in void or ()}
    values = [value for value, _ in meanings]
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        names = sorted(name for value, name in meanings if value == twice[0])
        raise ValueError(
            f"The value {twice[0]} of label maps is {shown(names)}: give it one name."
        )


def _check_things(things: Sequence[Named], has_labels: bool) -> None:
    """Objects of id maps need a class, from label maps or all the same."""
    if not things:
        wanted = "1=NAME 2=NAME ... for values of label maps" if has_labels else "NAME"
        raise ValueError(f"The objects have no class: write --things {wanted}.")
    bare = [x.name for x in things if x.value is None]
    if bare and len(things) > 1:
        raise ValueError(
            f"--things {bare[0]} is one class of several and has no value: write "
            f"--label-maps FOLDER --things 1={bare[0]} ..., or one class for all."
        )


def _check_listed(things: Sequence[Named], listed: list[dict]) -> None:
    """Things of COCO's objects are its categories."""
    names = [category["name"] for category in listed]
    for thing in things:
        if thing.value is None:
            raise ValueError(
                f"--things {thing.name} goes without COCO's instances, whose "
                f"categories are the things. Write 1={thing.name} to say which value "
                "of label maps it has."
            )
        if thing.name not in names:
            raise ValueError(
                f"--things {thing.value}={thing.name} is none of the categories "
                f"{shown(names)} of COCO's instances: use their names."
            )


def _check_kinds(things: list[str], stuff: list[str]) -> None:
    both = sorted(set(things) & set(stuff))
    if both:
        raise ValueError(
            f"{both[0]} is a class of things and one of stuff: name one otherwise."
        )
