"""Queries of a semantic model against those of a panoptic one (paper Figure I).

Where several things of a class stand in an image, a semantic model's query is to cover
them all, a panoptic one's a single thing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any, NamedTuple

import numpy as np

from mmseg_maskformer.core.messages import shown

from .analysis import ImageQueries, QueryError

_SAME = (
    "Give both the same data and one test scale, of scenes the same num_images, seed "
    "and scene of val_dataloader.dataset."
)


class ClassQueries(NamedTuple):
    """The queries of one model that predict one class in one image."""

    queries: np.ndarray  # (n,)
    masks: np.ndarray  # (n, h, w) probabilities
    covered: np.ndarray  # (n,) things of the class that a mask covers


class Case(NamedTuple):
    """What is counted of a comparison."""

    things: int
    semantic: np.ndarray  # (n,) things that each query covers
    panoptic: np.ndarray  # (n,)


class QueryComparison(NamedTuple):
    """A class with several things in one image, as two models see it."""

    image: np.ndarray  # (H, W, 3) uint8, RGB
    label: int  # of the semantic model
    things: np.ndarray  # (m, H, W) boolean
    semantic: ClassQueries
    panoptic: ClassQueries

    def case(self) -> Case:
        """The numbers without the pictures."""
        return Case(len(self.things), self.semantic.covered, self.panoptic.covered)


def semantic_labels(semantic: dict, panoptic: dict) -> dict[int, int]:
    """The semantic label of each thing class of a panoptic data set, by label.

    Args:
        semantic: metainfo of one data set.
        panoptic: metainfo of the other, which may say it of all its classes
            (``semantic_labels``); otherwise classes of one name are the same.

    Raises:
        QueryError: A thing class has no name of the semantic data set.
    """
    classes, names = list(panoptic["classes"]), list(semantic["classes"])
    things = panoptic.get("thing_classes", ())
    given = panoptic.get("semantic_labels", ())
    if len(given) == len(classes) == len(names):  # none was left out by metainfo
        return {classes.index(name): given[classes.index(name)] for name in things}
    missing = [name for name in things if name not in names]
    if missing:
        raise QueryError(
            f"The semantic data set has no class called {shown(missing)}, as the "
            "panoptic one has; give two configs of the same classes, or "
            "semantic_labels in metainfo of the second."
        )
    return {classes.index(name): names.index(name) for name in things}


def check_lengths(semantic: Sized, panoptic: Sized) -> None:
    """Stop before any prediction where two data sets cannot be the same images.

    Raises:
        QueryError: One is longer.
    """
    if len(semantic) != len(panoptic):
        raise QueryError(
            f"The first config evaluates {len(semantic)} images, the second "
            f"{len(panoptic)}. {_SAME}"
        )


def check_images(one: np.ndarray, other: np.ndarray) -> None:
    """Stop where two models have got different pixels.

    Raises:
        QueryError: The images, (H, W, 3) each, differ.
    """
    if not np.array_equal(one, other):
        raise QueryError(f"The two configs evaluate different images. {_SAME}")


def compare(
    semantic: Iterable[ImageQueries],
    panoptic: Iterable[ImageQueries],
    labels: Mapping[int, int],
) -> Iterator[QueryComparison]:
    """Every class with two things or more, image by image.

    Args:
        semantic: predictions of one model.
        panoptic: predictions for the same images; their samples have the things.
        labels: the semantic label of each panoptic label.

    Raises:
        QueryError: The images differ, or the samples have no things.
    """
    for one, other in zip(semantic, panoptic, strict=True):
        check_images(one.image, other.image)
        for label, things in things_of(other.sample).items():
            if len(things) > 1:
                yield QueryComparison(
                    one.image,
                    labels[label],
                    things,
                    class_queries(one, labels[label], things),
                    class_queries(other, label, things),
                )


def things_of(sample: Any) -> dict[int, np.ndarray]:
    """Masks (m, H, W) of the things of each class of a panoptic sample.

    Raises:
        QueryError: The sample is not panoptic.
    """
    if "gt_segments" not in sample:
        raise QueryError(
            "The second config must be panoptic, with PackPanopticInputs in the "
            "pipeline of val_dataloader: its samples have no gt_segments."
        )
    segment_map = sample.gt_segment_map.data[0].cpu().numpy()
    given = sample.gt_segments
    masks = defaultdict(list)
    for label, number, is_thing in zip(
        given.labels.tolist(), given.ids.tolist(), given.is_thing.tolist(), strict=True
    ):
        if is_thing:
            masks[label].append(segment_map == number)
    return {label: np.stack(found) for label, found in masks.items()}


def class_queries(found: ImageQueries, label: int, things: np.ndarray) -> ClassQueries:
    """The queries that predict ``label``; one covers a thing by half of its cells."""
    (queries,) = np.nonzero(found.labels == label)
    masks = found.masks[queries]
    grid = _nearest(things, masks.shape[1:]).reshape(len(things), -1).T  # (cells, m)
    inside = (masks > 0.5).reshape(len(masks), len(grid)).astype(np.int64) @ grid
    sizes = grid.sum(axis=0)
    covered = ((2 * inside >= sizes) & (sizes > 0)).sum(axis=1)
    return ClassQueries(queries, masks, covered)


def comparison_table(cases: Iterable[Case]) -> list[dict]:
    """A row for each number of things: queries, and things that a query covers.

    A case is a class in an image. The means of ``queries`` are over cases, those of
    ``things_per_query`` over the queries of all cases.
    """
    groups: dict[int, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.things].append(case)
    return [
        dict(
            things=number,
            cases=len(group),
            **_columns("semantic", [case.semantic for case in group]),
            **_columns("panoptic", [case.panoptic for case in group]),
        )
        for number, group in sorted(groups.items())
    ]


def _columns(name: str, counts: list[np.ndarray]) -> dict[str, float | str]:
    covered = np.concatenate(counts)
    return {
        f"{name}_queries": round(len(covered) / len(counts), 3),
        f"{name}_things_per_query": (
            round(float(covered.mean()), 3) if len(covered) else ""
        ),
    }


def _nearest(masks: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Masks (m, H, W) at the centres of the cells of another grid."""
    rows, columns = (
        (np.arange(cells) * 2 + 1) * whole // (2 * cells)
        for cells, whole in zip(size, masks.shape[1:], strict=True)
    )
    return masks[:, rows[:, None], columns].astype(np.int64)
