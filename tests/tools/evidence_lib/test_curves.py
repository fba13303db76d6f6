"""Validations in the course of trainings."""

from __future__ import annotations

import json

from evidence_lib.curves import markdown, validations


def test_validations_of_a_training_that_was_resumed(tmp_path):
    """The second run repeats iteration 20; losses and other scores are left out."""
    runs = ([(10, 1.0), (20, 2.0)], [(20, 2.5), (30, 3.0)])
    for number, scores in enumerate(runs):
        folder = tmp_path / f"2026010{number}" / "vis_data"
        folder.mkdir(parents=True)
        records = [dict(step=5, loss=9.0), *(dict(step=k, mIoU=x) for k, x in scores)]
        lines = [json.dumps(record) for record in records]
        (folder / "scalars.json").write_text("\n".join(lines))
    assert validations(tmp_path, "mIoU") == {10: 1.0, 20: 2.5, 30: 3.0}
    assert validations(tmp_path, "PQ") == {}


def test_the_table_has_the_median_over_seeds():
    rows = {"a": {1000: [10.0, 13.0]}, "b": {1000: [5.0], 2000: [7.125]}}
    expected = """| mIoU | 1,000 | 2,000 |
| --- | --: | --: |
| a | 11.50 | - |
| b | 5.00 | 7.12 |
"""
    assert markdown(rows, "mIoU") == expected
