"""How weights are distributed before a training."""

from __future__ import annotations

import math

import pytest


def assert_uniform(weight, bound):
    """All entries within the bound, and filling it: the std of U(-b, b) is b/sqrt 3."""
    assert weight.abs().max() <= bound * (1 + 1e-6)
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)
