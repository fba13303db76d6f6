"""What the queries of a trained model do: classes, owners, areas (paper section 4.4).

A query predicts a class in an image where the most likely of its K + 1 classes is not
"no object" and its mask is likelier than not somewhere. Letters: N images, Q queries, K
classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor

from mmseg_maskformer.core.inference import class_probs
from mmseg_maskformer.visualization.images import picture_of_input

NOTHING = -1  # the label of a query that predicts no class


class QueryError(ValueError):
    """A model or data set whose queries cannot be analysed so."""


class ImageQueries(NamedTuple):
    """What the queries say about one image."""

    image: np.ndarray  # (H, W, 3) uint8, RGB
    sample: Any  # the host's data sample
    labels: np.ndarray  # (Q,) class, NOTHING where none
    scores: np.ndarray  # (Q,) probability of the most likely class
    masks: np.ndarray  # (Q, h, w) probabilities, over the image without its padding


class QueryRecord(NamedTuple):
    """What is kept of a data set."""

    labels: np.ndarray  # (N, Q) class, NOTHING where none
    areas: np.ndarray  # (N, Q) share of the image that the mask covers

    @classmethod
    def of(cls, found: Iterable[ImageQueries]) -> QueryRecord:
        """The record of images; a mask covers where it is likelier than not."""
        rows = [(x.labels, (x.masks > 0.5).mean(axis=(1, 2))) for x in found]
        labels, areas = zip(*rows, strict=True)
        return cls(np.stack(labels), np.stack(areas))


def query_predictions(
    model: Any,
    dataset: Any,
    indices: Iterable[int] | None = None,
    min_score: float = 0.0,
) -> Iterator[ImageQueries]:
    """Run a model over samples of a data set of the host, by default over all.

    The decoder layer is the one that ``test_cfg`` lets predict.

    Args:
        model: a segmentor or panoptic detector with queries that choose their class.
        dataset: its pipeline packs as the model needs it, as loaded.
        indices: of the samples.
        min_score: a query with a lower probability of its class predicts nothing.

    Raises:
        QueryError: The queries of the model do not choose a class.
    """
    model.eval()
    for index in range(len(dataset)) if indices is None else indices:
        yield _image_queries(model, dataset[int(index)], min_score)


@torch.no_grad()
def _image_queries(model: Any, item: dict, min_score: float) -> ImageQueries:
    """Predictions for one sample of a data set."""
    batch = pseudo_collate([item])
    image = picture_of_input(batch["inputs"][0])
    data = model.data_preprocessor(batch, False)
    size = tuple(data["inputs"].shape[-2:])
    (sample,) = data["data_samples"]
    features = model.extract_feat(data["inputs"])
    layer = (model.test_cfg or {}).get("layer", -1)
    output = model.decode_head.predict_layer(features, [sample.metainfo], size, layer)
    if output.class_logits is None:
        raise QueryError(
            "The classes of a per-pixel model's queries are fixed, query k answers for "
            "class k; give a model that SetCriterion has trained."
        )
    ((class_logits, mask_logits),) = output.images()
    masks = _without_padding(mask_logits.sigmoid(), image.shape[:2], size)
    labels, scores = query_classes(class_logits, masks, min_score)
    found = (x.cpu().numpy() for x in (labels, scores, masks))
    return ImageQueries(image, sample, *found)


def query_classes(
    class_logits: Tensor, masks: Tensor, min_score: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Class (Q,) of each query, NOTHING where it predicts none, and its probability.

    Args:
        class_logits: (Q, K + 1).
        masks: (Q, h, w) probabilities.
        min_score: a query with a lower probability of its class predicts nothing.
    """
    scores, labels = class_probs(class_logits).max(dim=-1)
    no_object = class_logits.argmax(dim=-1) == class_logits.shape[-1] - 1
    empty = (masks <= 0.5).flatten(1).all(dim=1)
    return labels.masked_fill(no_object | empty | (scores < min_score), NOTHING), scores


def check_queries(queries: Iterable[int], model: Any) -> None:
    """Raise a QueryError where ``--queries`` names one that a model does not have.

    A per-pixel model is left to those who ask for what its queries choose.
    """
    network = model.decode_head.network
    number = 0 if network.per_pixel else network.num_queries
    wrong = [query for query in queries if not 0 <= query < number]
    if number and wrong:
        raise QueryError(f"--queries {wrong}: the model has queries 0 to {number - 1}.")


def _without_padding(
    masks: Tensor, inside: Sequence[int], size: Sequence[int]
) -> Tensor:
    """The part of (Q, h, w) masks of a padded input that is the image."""
    rows, columns = (
        -(-part * cells // whole)
        for part, cells, whole in zip(inside, masks.shape[1:], size, strict=True)
    )
    return masks[:, :rows, :columns]


def class_counts(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """(Q, K) number of images in which a query predicts a class, of (N, Q) labels."""
    return (labels[..., None] == np.arange(num_classes)).sum(axis=0)


def most_used(labels: np.ndarray, count: int) -> list[int]:
    """The queries that predict a class in the most images, of (N, Q) labels."""
    used = (labels != NOTHING).sum(axis=0)
    return np.argsort(-used, kind="stable")[: min(count, (used > 0).sum())].tolist()


def examples(labels: np.ndarray, count: int) -> list[int]:
    """Images in which a query predicts a class, of its (N,) labels.

    One image for each of its classes, the most frequent first; then a second one, ...
    """
    classes, numbers = np.unique(labels[labels != NOTHING], return_counts=True)
    ranks = [
        (turn, place, index)
        for place, label in enumerate(classes[np.argsort(-numbers, kind="stable")])
        for turn, index in enumerate(np.flatnonzero(labels == label))
    ]
    return [int(index) for _, _, index in sorted(ranks)[:count]]


def query_table(record: QueryRecord, classes: Sequence[str]) -> list[dict]:
    """A row for each query, by number of unique classes in descending order.

    ``mean_area`` is over the images in which the query predicts a class;
    ``top_classes``, three at most, are followed by their share in these images.
    """
    counts = class_counts(record.labels, len(classes))
    rows = []
    for query in np.argsort(-(counts > 0).sum(axis=1), kind="stable"):
        used = record.labels[:, query] != NOTHING
        row = dict(
            query=int(query),
            unique_classes=int((counts[query] > 0).sum()),
            images=int(used.sum()),
            share_of_images=round(float(used.mean()), 4),
            mean_area=_mean(record.areas[used, query]),
            top_classes=_shares(counts[query], classes),
        )
        rows.append(row)
    return rows


def class_table(record: QueryRecord, classes: Sequence[str]) -> list[dict]:
    """A row for each class: its owner is the query that predicts it most often.

    ``share_of_owner`` is the owner's part of all predictions of the class; ``queries``
    predict it at least once. A class that is never predicted has no owner.
    """
    counts = class_counts(record.labels, len(classes))
    rows = []
    for label, (name, uses) in enumerate(zip(classes, counts.T, strict=True)):
        total = int(uses.sum())
        row = dict(
            label=label,
            name=name,
            predictions=total,
            queries=int((uses > 0).sum()),
            owner=int(uses.argmax()) if total else "",
            share_of_owner=round(float(uses.max()) / total, 4) if total else "",
        )
        rows.append(row)
    return rows


def _mean(values: np.ndarray) -> float | str:
    return round(float(values.mean()), 4) if len(values) else ""


def _shares(counts: np.ndarray, classes: Sequence[str]) -> str:
    """The three most frequent classes and their shares, as "sky 0.75; sea 0.25"."""
    order = np.argsort(-counts, kind="stable")[:3]
    shares = counts / max(counts.sum(), 1)
    return "; ".join(f"{classes[k]} {shares[k]:.2f}" for k in order if counts[k])
