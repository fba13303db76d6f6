"""Scores of pairs, one less the other."""

from __future__ import annotations

from evidence_lib.differences import markdown


def test_differences_of_the_seeds_that_both_have():
    """-1.5 and 0.5: mean -0.5, deviation sqrt((1^2 + 1^2) / 1) = 1.41."""
    one = {
        "seed 0": dict(pq=10.0, ap=1.0),
        "seed 1": dict(pq=12.0),
        "seed 2": dict(pq=9),
    }
    other = {"seed 0": dict(pq=11.5), "seed 1": dict(pq=11.5), "seed 2": {}}
    assert (
        markdown(one, other, dict(pq="PQ", ap="AP"))
        == """\
| score | seed 0 | seed 1 | mean | deviation |
| --- | --: | --: | --: | --: |
| PQ | -1.50 | +0.50 | -0.50 | 1.41 |
"""
    )
