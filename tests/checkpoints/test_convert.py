"""The account of a conversion, with tables made for it."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.checkpoints.convert import to_ours
from mmseg_maskformer.checkpoints.layout import Layout, module


@pytest.mark.parametrize(
    "names", [("old.weight", "new.weight"), ("new.weight", "old.weight")]
)
def test_of_two_names_for_one_tensor_one_is_used_and_one_is_reported(names):
    layout = Layout("Theirs", "new", (module("ours", "new"),), ((r"^old\.", "new."),))
    source = {name: torch.full((2,), float(i)) for i, name in enumerate(names)}
    converted, report = to_ours(source, {"ours.weight": torch.zeros(2)}, layout)
    assert report.filled == ["ours.weight"]
    assert len(report.extra) == 1
    assert not report.complete
    (used,) = set(names) - set(report.extra)
    assert torch.equal(converted["ours.weight"], source[used])
