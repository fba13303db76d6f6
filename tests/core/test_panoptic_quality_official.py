"""Counts and qualities against the official evaluator's, on changed COCO maps."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from mmseg_maskformer.core.panoptic_quality import (
    PanopticMap,
    add_counts,
    count_segments,
    mean_quality,
    quality,
)

CASES = ["crowd", "dropped", "perfect", "relabelled", "shifted"]


def by_category(counts):
    """Category to the other columns."""
    return {int(line[0]): line[1:] for line in zip(*counts, strict=True)}


def read_map(folder, annotation):
    """A COCO panoptic map: id = R + 256 G + 65536 B."""
    with Image.open(folder / annotation["file_name"]) as image:
        colours = np.asarray(image.convert("RGB")).astype(np.int64)
    segments = annotation["segments_info"]
    return PanopticMap(
        colours @ np.array([1, 256, 65536]),
        *(np.array([x[key] for x in segments]) for key in ("id", "category_id")),
        crowd=np.array([x["iscrowd"] for x in segments]),
    )


@pytest.fixture(scope="module", params=CASES)
def official(request, golden, shared_data):
    """Our counts of a case and what the official evaluator gives."""
    sample = shared_data / "coco_panoptic_sample"
    case = golden / "panoptic_quality" / request.param
    own = case / "gt.json"
    truth = json.loads((own if own.exists() else sample / "panoptic.json").read_text())
    predicted = json.loads((case / "pred.json").read_text())["annotations"]
    predicted = {x["image_id"]: x for x in predicted}
    counts = [
        count_segments(
            read_map(case / "pred", predicted[annotation["image_id"]]),
            read_map(sample / "panoptic", annotation),
        )
        for annotation in truth["annotations"]
    ]
    assert len(counts) == 2
    return add_counts(counts), json.loads((case / "official.json").read_text())


def test_counts_equal_the_official_ones(official):
    counts, expected = official
    found = {c: row for c, row in by_category(counts).items() if any(row)}
    wanted = {int(c): row for c, row in expected["counts"].items()}
    assert set(found) == {c for c, row in wanted.items() if any(row.values())}
    for category, (iou, *numbers) in found.items():
        line = wanted[category]
        assert numbers == [line["tp"], line["fp"], line["fn"]], category
        assert iou == pytest.approx(line["iou"], abs=1e-9), category


def test_qualities_equal_the_official_ones(official):
    counts, expected = official
    found = by_category(quality(counts))
    assert expected["per_class"]
    for category, line in expected["per_class"].items():
        wanted = (line["pq"], line["sq"], line["rq"])
        assert found[int(category)] == pytest.approx(wanted, abs=1e-9), category


def test_means_equal_the_official_ones(official, shared_data):
    counts, expected = official
    path = shared_data / "coco_panoptic_sample" / "categories.json"
    things = {x["id"]: x["isthing"] for x in json.loads(path.read_text())}
    groups = {
        "All": None,
        "Things": [category for category, isthing in things.items() if isthing],
        "Stuff": [category for category, isthing in things.items() if not isthing],
    }
    for name, among in groups.items():
        wanted = tuple(expected[name][key] for key in ("pq", "sq", "rq", "n"))
        assert mean_quality(counts, among) == pytest.approx(wanted, abs=1e-9), name
