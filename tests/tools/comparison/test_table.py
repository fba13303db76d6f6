"""Rows of a comparison: aggregation over seeds, Markdown, CSV and picture."""

from __future__ import annotations

import pytest
from PIL import Image

from comparison.description import Description
from comparison.kinds import INSTANCE, PANOPTIC
from comparison.plot import labels, plot
from comparison.table import (
    Row,
    Spread,
    markdown,
    preface,
    records,
)

COSTS = dict(
    parameters=41_254_743,
    multiply_adds=52_590_192_640,
    seconds=[0.5, 0.25, 0.1],
    inference_bytes=3 * 2**20,
    training_bytes=650 * 2**20,
    test_size=[360, 480],
    machine="1 of 2 CPU cores, PyTorch 2.15.0",
    precision="",
)


def row(name="maskformer_r50", method="MaskFormer", **found):
    about = Description(name, method, "ResNet-50", (256, 512), 4, 300)
    return Row(about, **found)


def scored(**found):
    speed = dict(images=100, seconds=20.0)
    seeds = [dict(miou=40.0, pq_st=30.0, **speed), dict(miou=43.0, pq_st=30.5)]
    return row(costs=COSTS, single=seeds, multi=[dict(miou=44.0)], **found)


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_median_and_standard_deviation_over_seeds():
    # the mean is 42, (2^2 + 3^2 + 1^2) / 3 = 14 / 3
    assert Spread.of([40.0, 45.0, 41.0]) == (41.0, pytest.approx((14 / 3) ** 0.5), 3)
    assert Spread.of([7.0]) == (7.0, 0.0, 1)
    assert Spread.of([]) is None


def test_scores_of_a_row():
    found = scored()
    assert found.score("miou") == (41.5, 1.5, 2)
    assert found.score("miou_ms") == (44.0, 0.0, 1)
    assert found.score("pq_st") == (30.25, 0.25, 2)
    assert found.score("rq_st") is None
    assert found.images_per_second == 4.0  # the median is 0.25 s
    assert found.evaluation_speed == 5.0


def test_scores_by_frequency_have_columns_where_there_are_any():
    by_frequency = [dict(miou=40.0, miou_frequent=60.0, miou_rare=5.0)]
    rows = [row(single=by_frequency), row("other", single=[dict(miou=30.0)])]
    table = [cells(x) for x in markdown(rows, "").splitlines() if x.startswith("|")]
    first, _, ours, other = table
    assert {"mIoU, frequent", "mIoU, rare"} < set(first)
    assert "mIoU, common" not in first
    place = first.index("mIoU, rare")
    assert (ours[place], other[place]) == ("5.00", "-")
    one, _ = records(rows)
    assert (one["miou_rare"], one["miou_rare_std"]) == (5.0, 0.0)
    assert "rare" not in markdown(rows[1:], "")


def test_markdown_states_every_figure():
    text = markdown([scored(notes=["late"]), row("other")], "Title", ["Above."])
    lines = text.splitlines()
    assert lines[:3] == ["# Title", "", "Above."]
    table = [cells(line) for line in lines if line.startswith("|")]
    assert {len(line) for line in table} == {15}
    found = dict(zip(table[0], table[2], strict=True))
    assert found == {
        "config": "maskformer_r50",
        "method": "MaskFormer",
        "backbone": "ResNet-50",
        "crop": "256 x 512",
        "mIoU": "41.50 ± 1.50",
        "mIoU, multi-scale": "44.00",  # of one seed
        "PQ-St": "30.25 ± 0.25",
        "SQ-St": "-",
        "RQ-St": "-",
        "parameters": "41.25M",
        "FLOPs": "52.59G",
        "images/s": "4.00",
        "images/s, whole set": "5.00",
        "training memory": "650 MiB",
        "inference memory": "3 MiB",
    }
    assert table[3][4:] == ["-"] * 11
    assert lines[-1] == "- maskformer_r50: late"


def test_missing_seeds_are_said_below_the_table():
    rows = [scored(seeds=3), row("full", single=[{}], seeds=1), row("none", seeds=3)]
    notes = [x for x in markdown(rows, "Title").splitlines() if x.startswith("- ")]
    assert notes == [
        "- maskformer_r50: scores of 2 of 3 seeds so far",
        "- maskformer_r50: multi-scale scores of 1 of 3 seeds so far",
    ]
    unequal = row(single=[dict(miou=40.0, pq_st=9.0), dict(miou=41.0)], seeds=2)
    last = markdown([unequal], "").splitlines()[-1]
    assert last == (
        "- maskformer_r50: PQ-St is that of 1 of 2 seeds; the others have none"
    )


def test_one_seed_has_no_spread():
    found = row(single=[dict(miou=40.0)])
    text = markdown([found], "Title")
    assert "| 40.00 |" in text
    assert "deviation" not in " ".join(preface([found], "Trained"))
    assert "± standard deviation" in " ".join(preface([scored()], "Trained"))


def test_preface_says_how_costs_were_measured():
    weights, costs = preface([scored()], "Trained")
    assert weights.startswith("Trained; median")
    for part in ("360 x 480", "median of 3 on 1 of 2 CPU cores", "batch of 4"):
        assert part in costs
    assert preface([row()], "") == []


def test_preface_says_what_differs_among_the_rows():
    """Costs are kept: some may be of another call, another machine, other settings."""
    other = dict(COSTS, machine="H200", seconds=[1.0], precision=", in bfloat16")
    rows = [row("uncosted"), row(costs=COSTS), row("b", costs=other)]
    (text,) = preface(rows, "")
    assert "median of 1 or 3 on 1 of 2 CPU cores, PyTorch 2.15.0 or H200; " in text
    assert text.endswith(" without the optimizer's state, in bfloat16 or float32.")
    (same,) = preface(rows[2:], "")
    assert "median of 1 on H200; " in same and same.endswith("state, in bfloat16.")
    (plain,) = preface(rows[:2], "")
    assert plain.endswith(" without the optimizer's state.")


def test_records_have_plain_numbers_and_none_where_unknown():
    first, second = records([scored(), row("b")])
    assert first["miou"] == 41.5
    assert first["miou_std"] == 1.5
    assert first["seeds"] == 2
    assert first["crop"] == "256 x 512"
    assert first["multiply_adds"] == 52590192640
    assert first["images_per_second"] == 4.0
    assert first["training_bytes"] == 650 * 2**20
    assert second["name"] == "b"
    assert [second[x] for x in ("miou", "parameters", "test_size")] == [None] * 3


@pytest.mark.parametrize(
    ("kind", "headings"),
    [
        (PANOPTIC, "PQ SQ RQ PQ-Th PQ-St AP AP-S AP-M AP-L mIoU"),
        (INSTANCE, "AP AP50 AP75 AP-S AP-M AP-L"),
    ],
)
def test_columns_are_those_of_the_kind(kind, headings):
    results = {"PQ": 40.0, "PQ_Th": 41.5, "coco/segm_mAP": 0.125, "mIoU": 50.0}
    results["coco/segm_mAP_l"] = -1.0  # no object is as large
    found = row("b", kind=kind, single=[kind.read(results)])
    found.costs = dict(COSTS, flops_images=100)
    table = [cells(x) for x in markdown([found], "").splitlines() if "|" in x]
    assert table[0][4:-6] == headings.split()
    scores = dict(zip(table[0], table[2], strict=True))
    assert scores["AP"] == "12.50"
    assert scores["AP-L"] == "-"
    if kind is PANOPTIC:
        assert [scores[x] for x in ("PQ", "PQ-Th", "mIoU")] == [
            "40.00",
            "41.50",
            "50.00",
        ]
    (text,) = preface([found], "")
    assert "averaged over the first 100 validation images" in text


def test_rows_are_called_by_what_tells_them_apart():
    assert labels([row("a", "UperNet"), row("b", "PSPNet")]) == ["UperNet", "PSPNet"]
    assert labels([row("a"), row("b")]) == ["a", "b"]


def test_picture_shows_rows_with_scores(tmp_path):
    path = tmp_path / "comparison.png"
    assert plot([row("untrained")], path) == "No picture: no config has scores yet."
    assert not path.exists()
    uncosted = row("b", "PSPNet", single=[dict(miou=0.0)])
    assert plot([scored(), uncosted, row("untrained", "UperNet")], path) is None
    with Image.open(path) as picture:
        assert picture.size == (1000, 400)
    assert plot([uncosted], path) is None  # without the panel of speeds
    with Image.open(path) as picture:
        assert picture.size == (500, 400)
