"""Files: what cannot be read, paired or told apart, and how images are stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from .finding import Finding, Found
from .folders import LABEL_FOLDERS
from .scan import Facts
from .sources import Source

_ALIKE = 0.999  # correlation of small pictures of the same photo


def not_built(source: Source, facts: Sequence[Facts]) -> Found:
    """Data sets that refuse their files, and what they warn of."""
    told = [text for x in facts for _, text in x.refused]
    for text in source.problems:
        if not any(map(text.endswith, told)):  # by a picture of the pipeline
            yield Finding("error", text)
    for text in source.warnings:
        yield Finding("warning", text)


def unreadable(source: Source, facts: Sequence[Facts]) -> Found:
    """Files that are broken or empty."""
    texts = [text for x in facts for text in x.problems]
    if texts:
        yield Finding(
            "error",
            f"{len(texts)} file(s) cannot be read.",
            "Fetch or export them again, or leave them out.",
            tuple(texts),
        )


def too_large(source: Source, facts: Sequence[Facts]) -> Found:
    """Files of more pixels than Pillow opens, 178,956,970."""
    texts = [text for x in facts for text in x.too_large]
    if texts:
        yield Finding(
            "error",
            f"{len(texts)} file(s) are sound, but have more pixels than are opened.",
            "Cut images and label maps into the same tiles, or make them smaller: "
            "training shows crops, and the network would not hold the whole.",
            tuple(texts),
        )


def refused(source: Source, facts: Sequence[Facts]) -> Found:
    """Sound files that contradict the data set, in the words of training."""
    said: dict[str, list[str]] = defaultdict(list)
    for kind, text in (row for x in facts for row in x.refused):
        said[kind].append(text)
    for kind, texts in said.items():
        yield Finding("error", f"{len(texts)} {kind}.", texts[0], tuple(texts[1:]))


def without_partner(source: Source, facts: Sequence[Facts]) -> Found:
    """Images without label map in a folder, and the other way round."""
    if source.unpaired:
        yield Finding(
            "error",
            f"{len(source.unpaired)} file(s) have no partner of the same name: images "
            "without label map, or the other way round.",
            "Name image and label map alike but for the suffix, or remove the rest.",
            tuple(source.unpaired),
        )


def doubles(source: Source, facts: Sequence[Facts]) -> Found:
    """Label maps of a folder that share a name, of which one is read."""
    if source.doubles:
        yield Finding(
            "error",
            f"{len(source.doubles)} label map(s) have the name of another one, but for "
            "the suffix; the other was read.",
            "Remove one of the two; training reads that with seg_map_suffix.",
            tuple(source.doubles),
        )


def without_labels(source: Source, facts: Sequence[Facts]) -> Found:
    """A folder in which nothing but images is found."""
    known = source.datasets or source.unpaired or any(x.item.labels for x in facts)
    if facts and not known:  # no facts: a config whose data sets cannot be built
        yield Finding(
            "warning",
            "There are no label maps: images alone were looked over.",
            f"Label maps are sought in {', '.join(LABEL_FOLDERS)}. Convert id maps and "
            "COCO's instances first and name a config (docs/data.md#your-own-objects).",
        )


def sizes_differ(source: Source, facts: Sequence[Facts]) -> Found:
    """Label maps that do not cover their image."""
    differ = [x for x in facts if x.size and x.label_size and x.size != x.label_size]
    if differ:
        files = tuple(
            f"{x.item.image} {_size(x.size)}, {x.item.labels} {_size(x.label_size)}"
            for x in differ
        )
        yield Finding(
            "error",
            f"{len(differ)} label map(s) have another size than their image (height x "
            "width).",
            "Check that the two belong together. Where only height and width are "
            "exchanged, the labels were drawn on the pixels as stored: load images "
            "with color_type='color_ignore_orientation'.",
            files,
        )


def _size(size: tuple[int, int] | None) -> str:
    return "x".join(map(str, size or ()))


def orientations(source: Source, facts: Sequence[Facts]) -> Found:
    """Images that are turned when they are loaded."""
    tagged = [x for x in facts if x.orientation != 1 and not x.item.as_stored]
    if tagged:
        yield Finding(
            "warning",
            f"{len(tagged)} image(s) have an EXIF orientation: they are turned when "
            "they are loaded.",
            "If the labels were drawn on the pixels as stored, load images with "
            "color_type='color_ignore_orientation'.",
            tuple(f"{x.item.image}: {x.orientation}" for x in tagged),
        )


def images_differ(source: Source, facts: Sequence[Facts]) -> Found:
    """Channels and bits that loading changes or refuses, and further pages."""
    readable = [x for x in facts if x.size]
    kinds = Counter(map(_storage, readable))
    usual = max(kinds, key=kinds.__getitem__, default=None)
    for kind in kinds:
        level, text, remedy = _judged(*kind, is_usual=kind == usual)
        files = tuple(x.item.image for x in readable if _storage(x) == kind)
        if text:
            yield Finding(level, f"{len(files)} image(s) {text}.", remedy, files)
    several = tuple(x.item.image for x in readable if x.pages > 1)
    if several:
        yield Finding(
            "warning",
            f"{len(several)} file(s) hold several images; the first is used.",
            "Split them if the others matter.",
            several,
        )


def _storage(x: Facts) -> tuple[str, int, bool]:
    return x.type, x.channels, x.has_alpha


def _judged(
    kind: str, channels: int, has_alpha: bool, is_usual: bool
) -> tuple[str, str, str]:
    """Level, text and remedy of how images are stored; no text if it is as wanted."""
    page = "(docs/images.md)"
    if kind not in ("uint8", "uint16"):
        remedy = "Scale them to 8 or 16 bits without sign."
        return "error", f"hold numbers of type {kind}", remedy
    if channels - has_alpha not in (1, 3):
        remedy = f"Load them with color_type='unchanged' {page}."
        return "error", f"have {channels} channels", remedy
    if kind == "uint16":
        remedy = f"Load them with to_float32=True to lose nothing {page}."
        return "warning", "have 16 bits, of which the upper 8 are used", remedy
    if is_usual:
        return "", "", ""
    remedy = "Grey becomes three equal channels, alpha is dropped; do they belong here?"
    return "warning", f"have {channels} channel(s), other than most", remedy


def copies(source: Source, facts: Sequence[Facts]) -> Found:
    """Pictures of validation that are in training too, re-encoded or not."""
    train = [x for x in facts if x.item.split == "train" and x.digest]
    val = [x for x in facts if x.item.split == "val" and x.digest]
    names = {x.digest: x.item.image for x in train}
    same = [(x.item.image, names[x.digest]) for x in val if x.digest in names]
    if same:
        yield Finding(
            "error",
            f"{len(same)} validation image(s) are in training too.",
            "Remove them from one of the two; scores on them say nothing.",
            tuple(f"{a} = {b}" for a, b in same),
        )
    alike = _alike(
        [x for x in train if x.small is not None],
        [x for x in val if x.small is not None and x.digest not in names],
    )
    if alike:
        yield Finding(
            "warning",
            f"{len(alike)} validation image(s) look like one in training: the same "
            "photo in another encoding or size, or the next frame of a film.",
            "If so, split by scene rather than by image.",
            tuple(f"{a} ~ {b}" for a, b in alike),
        )


def _alike(train: list[Facts], val: list[Facts]) -> list[tuple[str, str]]:
    if not train or not val:
        return []
    known = np.stack([x.small.ravel() for x in train])  # type: ignore[union-attr]
    found = []
    for x in val:
        close = known @ x.small.ravel()  # type: ignore[union-attr]
        best = int(close.argmax())
        if close[best] > _ALIKE:
            found.append((x.item.image, train[best].item.image))
    return found
