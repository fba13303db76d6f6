"""How large the pieces are that results are made in."""

from __future__ import annotations

import pytest

from mmseg_maskformer.core import tiling


@pytest.fixture
def set_tile(monkeypatch):
    """Sets the elements of an intermediate result, for the rest of a test."""

    def to(elements):
        for device in tiling._TILE:
            monkeypatch.setitem(tiling._TILE, device, elements)

    return to
