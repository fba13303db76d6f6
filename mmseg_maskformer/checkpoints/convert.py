"""From one layout to another, with an account of every tensor."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from .facebookresearch import DETECTRON2_RESNET, FACEBOOKRESEARCH
from .huggingface import HUGGINGFACE
from .layout import MASK2FORMER, MASKFORMER, NETWORK, QUERIES, Entry, Layout
from .mask2former import (
    FACEBOOKRESEARCH_MASK2FORMER,
    HUGGINGFACE_MASK2FORMER,
    OPENMMLAB_MASK2FORMER,
)
from .openmmlab import OPENMMLAB

LAYOUTS = (  # a Mask2Former has names of a MaskFormer too, and comes before it
    FACEBOOKRESEARCH_MASK2FORMER,
    HUGGINGFACE_MASK2FORMER,
    OPENMMLAB_MASK2FORMER,
    FACEBOOKRESEARCH,
    HUGGINGFACE,
    OPENMMLAB,
    DETECTRON2_RESNET,
)
# Our buffers that some layouts lack: they hold no learned values.
REBUILT = re.compile(r".*\.(num_batches_tracked|relative_position_index)")


class Misshaped(NamedTuple):
    """A tensor of ours that has another shape in a file.

    Args:
        name: ours.
        shape: ours.
        source: shape in the file, after the names there where they are others.
    """

    name: str
    shape: tuple[int, ...]
    source: str

    def __str__(self) -> str:
        """Name and both shapes."""
        return f"{self.name} {self.shape} from {self.source}"


@dataclass
class Report:
    """What became of every tensor of a conversion.

    Args:
        layout: name of the foreign layout.
        filled: our tensors that were found.
        kept: our buffers without learned values that their file has not.
        unused: their tensors that have no place in our model.
        missing: our tensors that were not found.
        extra: their tensors that no row of the table takes.
        misshaped: our tensors whose source has another shape.
    """

    layout: str
    filled: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    misshaped: list[Misshaped] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, left over or of another shape."""
        return not (self.missing or self.extra or self.misshaped)

    def __str__(self) -> str:
        """What a reader wants to know: faults by name, the rest by kind."""
        lines = [f"{self.layout}: {len(self.filled)} tensors converted."]
        for title, names in (
            ("left as the model builds them", self.kept),
            ("without a place in our model", self.unused),
        ):
            kinds = sorted({name.rpartition(".")[2] for name in names})
            if names:
                lines.append(f"{len(names)} {title}: {', '.join(kinds)}.")
        for title, names in (
            ("MISSING in the file", self.missing),
            ("UNKNOWN in the file", self.extra),
            ("of ANOTHER SHAPE", [str(x) for x in self.misshaped]),
        ):
            if names:
                lines.append(f"{len(names)} {title}: {', '.join(names)}.")
        return "\n".join(lines)


def detect_layout(names: Collection[str]) -> Layout | None:
    """The foreign layout of these names; None if they are ours or nobody's."""
    for layout in LAYOUTS:
        if any(re.match(layout.mark, name) for name in names):
            return layout
    return None


def family_of(names: Collection[str]) -> str:
    """The family of a model of ours by its names; "" if they are a backbone's."""
    if any(name.startswith(f"{QUERIES}.level_embed.") for name in names):
        return MASK2FORMER
    return MASKFORMER if any(name.startswith(NETWORK) for name in names) else ""


def check_family(
    source: Collection[str], target: Collection[str], layout: Layout | None
) -> None:
    """Refuse weights of the other family, of which a model would keep some values.

    Args:
        source: names of the file.
        target: names of our model.
        layout: the layout of ``source``, None for ours.

    Raises:
        ValueError: The families differ.
    """
    found = family_of(source) if layout is None else layout.family
    wanted = family_of(target)
    if found and wanted and found != wanted:
        raise ValueError(
            f"The file holds a {found}, but the model of the config is a {wanted}. "
            f"Take a config of configs/{found.lower()}, or weights of a {wanted}. To "
            "start from the file's backbone alone, convert the file with "
            "tools/convert_checkpoint.py and set model.backbone.init_cfg=dict("
            "type='Pretrained', checkpoint=CONVERTED, prefix='backbone.')."
        )


def to_ours(
    source: Mapping[str, Tensor], target: Mapping[str, Tensor], layout: Layout
) -> tuple[dict[str, Tensor], Report]:
    """Convert a foreign state dict.

    Args:
        source: their tensors by name.
        target: the state dict of our model: its names and shapes are to be filled.
        layout: the layout of ``source``.

    Returns:
        Our tensors by name, those that were found with the right shape; the report.
    """
    renamed = {name: layout.rename(name) for name in source}
    origin = {new: name for name, new in renamed.items()}
    theirs = {new: source[name] for new, name in origin.items()}
    report = Report(layout.name)
    converted: dict[str, Tensor] = {}
    taken: set[str] = set()
    for name, wanted in target.items():
        if not name.startswith(layout.scope):
            continue
        rows = layout.candidates(name)
        row = next((r for r in rows if all(x in theirs for x in r[1])), None)
        if row is None:
            (report.kept if REBUILT.fullmatch(name) else report.missing).append(name)
            continue
        entry, sources = row
        taken.update(sources)
        tensor = _join(entry, [theirs[x] for x in sources])
        if tensor is not None and tensor.shape == wanted.shape:
            converted[name] = tensor
            report.filled.append(name)
        else:
            shapes = ", ".join(f"{x} {tuple(theirs[x].shape)}" for x in sources)
            report.misshaped.append(Misshaped(name, tuple(wanted.shape), shapes))
    for name, new in renamed.items():
        if new in taken and origin[new] == name:
            continue
        known = any(re.fullmatch(pattern, new) for pattern in layout.unused)
        (report.unused if known else report.extra).append(name)
    return converted, report


def _join(entry: Entry, parts: list[Tensor]) -> Tensor | None:
    """Our tensor; None if the shapes of theirs do not allow it."""
    try:
        return entry.codec.join(parts)
    except (RuntimeError, IndexError):
        return None


def from_ours(source: Mapping[str, Tensor], layout: Layout) -> dict[str, Tensor]:
    """Convert a state dict of ours to a foreign layout.

    Raises:
        ValueError: The layout has no name for a tensor.
    """
    converted: dict[str, Tensor] = {}
    unknown = []
    for name, tensor in source.items():
        row = next(layout.candidates(name), None)
        if row is None:
            unknown.append(name)
            continue
        entry, names = row
        converted.update(zip(names, entry.codec.split(tensor, len(names)), strict=True))
    if unknown:
        raise ValueError(
            f"{layout.name} has no place for {', '.join(unknown)}; only models made of "
            "that implementation's parts can be written in its layout."
        )
    return converted
