"""Objects against the queries, the stride and the mark of crowds; scales of images."""

from __future__ import annotations

from collections.abc import Sequence

from mmseg_maskformer.datasets.image_scales import REMEDY, difference

from .class_counts import class_pixels, thing_areas
from .finding import Finding, Found
from .scan import Facts
from .sources import Source

_STRIDE = 4  # of the predicted masks, in pixels
_SEVERAL = 0.01  # share of objects
_MOSTLY = 0.5


def too_many(source: Source, facts: Sequence[Facts]) -> Found:
    """Images with more segments than queries."""
    if source.queries is None:
        return
    counts = {
        x.item.image: len(x.item.objects or ()) or len(class_pixels(x, source))
        for x in facts
    }
    over = {name: n for name, n in counts.items() if n > source.queries}
    if over:
        yield Finding(
            "warning",
            f"{len(over)} image(s) hold more segments than the model has queries "
            f"({source.queries}): {max(over.values())} at most.",
            "What is left over is neither trained nor found; raise num_queries.",
            tuple(f"{name}: {n}" for name, n in over.items()),
        )


def scales(source: Source, facts: Sequence[Facts]) -> Found:
    """Images that training shows much smaller or larger than evaluation."""
    if text := difference(source.scales):
        yield Finding("warning", text, REMEDY)


def small(source: Source, facts: Sequence[Facts]) -> Found:
    """Objects below the resolution of the masks, at the scale of the pipeline."""
    scales, known = {}, source.scales
    if known is not None:
        scales = {"train": known.trained, "val": known.evaluated}
    areas = [
        area * scales.get(x.item.split, 1.0) ** 2
        for x in facts
        for area in thing_areas(x, source)
    ]
    small = sum(area < _STRIDE**2 for area in areas)
    where = "in the files"
    if known is not None:
        where = (
            f"as the network sees them: {known.trained:.3g} times as large as in the "
            f"files in training, {known.evaluated:.3g} times in evaluation"
        )
    if areas and small > _SEVERAL * len(areas):
        yield Finding(
            "warning",
            f"{small} of {len(areas)} objects ({100 * small / len(areas):.1f} %) are "
            f"smaller than a cell of the predicted masks ({_STRIDE} x {_STRIDE} "
            f"pixels), {where}.",
            "They cannot be outlined; train and test at a larger scale.",
        )


def crowds(source: Source, facts: Sequence[Facts]) -> Found:
    """Objects more than half of which are marked as crowds."""
    marks = [o[3] for x in facts for o in x.item.objects or () if o[2]]
    if marks and sum(marks) > _MOSTLY * len(marks):
        yield Finding(
            "error",
            f"{sum(marks)} of {len(marks)} objects are marked as crowds, which are "
            "neither trained nor scored.",
            "Set iscrowd to 0 where an object is one object; some tools write 1 for "
            "every mask that was painted.",
        )
