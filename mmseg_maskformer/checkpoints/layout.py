"""What a foreign layout is: a table from our tensor names to theirs.

Names in tables are templates: ``{tensor}`` stands for the last part of a name (weight,
bias, running_mean, ...), ``{rest}`` for anything, every other field for a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

# Where the parts of the network stand in a model of ours.
NETWORK = "decode_head.network"
PIXELS = f"{NETWORK}.pixel_decoder"
QUERIES = f"{NETWORK}.transformer_decoder"
DECODER_LAYER = f"{QUERIES}.layers.{{layer}}"
# Families of models: no file of one is of use to a model of the other.
MASKFORMER = "MaskFormer"
MASK2FORMER = "Mask2Former"


@dataclass(frozen=True)
class Codec:
    """How one tensor of ours is made of theirs, and taken apart again.

    Args:
        join: their tensors to ours.
        split: our tensor and how many there are, to theirs; inverts ``join``.
    """

    join: Callable[[Sequence[Tensor]], Tensor]
    split: Callable[[Tensor, int], Sequence[Tensor]]


def _merging_to_unfold(parts: Sequence[Tensor]) -> Tensor:
    x = parts[0].unflatten(-1, (4, -1))
    return x[..., [0, 2, 1, 3], :].transpose(-1, -2).flatten(-2)


def _unfold_to_merging(tensor: Tensor, count: int) -> Sequence[Tensor]:
    x = tensor.unflatten(-1, (-1, 4)).transpose(-1, -2)
    return [x[..., [0, 2, 1, 3], :].flatten(-2)]


SAME = Codec(lambda parts: parts[0], lambda tensor, count: [tensor])
STACKED = Codec(lambda parts: torch.cat(list(parts)), lambda x, count: x.chunk(count))
# The four pixels that Swin's patch merging joins: the authors order them by column
# before row, each with all its channels; mmseg's unfold has channels outermost.
PATCH_MERGING = Codec(_merging_to_unfold, _unfold_to_merging)


_FIELDS = {"tensor": r"\w+", "rest": r".+"}  # every other one is a number


@dataclass(frozen=True)
class Entry:
    """One row of a table: a tensor of ours and the tensors it is made of."""

    ours: str
    theirs: tuple[str, ...]
    codec: Codec = SAME

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        literals = re.split(r"\{(\w+)\}", self.ours)  # every second one is a field
        for i, text in enumerate(literals):
            kind = _FIELDS.get(text, r"\d+")
            literals[i] = f"(?P<{text}>{kind})" if i % 2 else re.escape(text)
        return re.compile("".join(literals))

    def sources(self, name: str) -> tuple[str, ...] | None:
        """Their names for our tensor ``name``; None if the row is about others."""
        found = self._pattern.fullmatch(name)
        if found is None:
            return None
        return tuple(theirs.format(**found.groupdict()) for theirs in self.theirs)


def module(ours: str, *theirs: str, codec: Codec = SAME) -> Entry:
    """Return the row of all tensors of a module."""
    return Entry(f"{ours}.{{tensor}}", tuple(f"{x}.{{tensor}}" for x in theirs), codec)


@dataclass(frozen=True)
class Layout:
    """The names of one implementation.

    Args:
        name: what people call it.
        mark: some of its names, and no other layout's, start with this regular
            expression.
        entries: the table. Several rows may be about one tensor of ours: the first
            whose tensors all exist counts.
        renames: regular expressions and replacements that bring other generations of
            names to the table's.
        unused: regular expressions of their tensors that have no place here.
        scope: what our tensors that the layout is about start with.
        family: of the models, "" for a backbone alone.
    """

    name: str
    mark: str
    entries: tuple[Entry, ...]
    renames: tuple[tuple[str, str], ...] = ()
    unused: tuple[str, ...] = ()
    scope: str = ""
    family: str = MASKFORMER

    def rename(self, name: str) -> str:
        """Bring a name of any generation to the table's."""
        for pattern, replacement in self.renames:
            name = re.sub(pattern, replacement, name)
        return name

    def candidates(self, name: str) -> Iterator[tuple[Entry, tuple[str, ...]]]:
        """Rows about our tensor ``name`` and their names for it."""
        for entry in self.entries:
            sources = entry.sources(name)
            if sources is not None:
                yield entry, sources
