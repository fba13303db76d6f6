"""Which values of wide label maps the doctor takes for void."""

from __future__ import annotations

from collections import Counter

import pytest

from doctor_lib.class_counts import highest_label, labels, void_labels
from doctor_lib.scan import Facts
from doctor_lib.sources import Item, Source


@pytest.mark.parametrize(
    ("classes", "highest", "counted"),
    [
        (0, 1, {0: 5, 1: 3}),  # of a folder
        (0, 300, {0: 5, 300: 3, 255: 2}),
        (255, 254, {0: 5, 254: 3}),  # of a config
        (256, 254, {0: 5, 254: 3, 255: 2}),
    ],
)
def test_255_is_a_class_of_more_than_255(classes, highest, counted):
    """As `LabelMapDataset` has it; 65535 is void always."""
    values = Counter({0: 5, highest: 3, 255: 2, 65535: 7})
    facts = Facts(Item("train", "x.png", "x.png"), label_type="uint16", values=values)
    source = Source("folder", classes=tuple(map(str, range(classes))))
    if not classes:
        source.highest = highest_label([facts])
    assert labels(facts, source) == counted


def test_0_is_void_where_labels_are_lowered():
    item = Item("train", "x.png", "x.png", zero_is_void=True)
    facts = Facts(item, label_type="uint8", values=Counter({0: 5, 1: 3, 255: 2}))
    source = Source("config", classes=("cell",))
    assert void_labels(facts, source) == {0, 255}
    assert labels(facts, source) == {0: 3}
