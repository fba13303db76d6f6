"""The scale at which training shows images against that of evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from mmseg_maskformer.datasets.image_scales import REMEDY, difference

from .finding import Finding, Found
from .scan import Facts
from .sources import Source


def scales(source: Source, facts: Sequence[Facts]) -> Found:
    """Images that training shows much smaller or larger than evaluation."""
    if text := difference(source.scales):
        yield Finding("warning", text, REMEDY)
