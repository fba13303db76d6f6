"""Several configs on one data set beside each other: the way from options to table."""

from __future__ import annotations

from .plan import Comparison, Options
from .plot import plot
from .work import work


def compare(options: Options) -> bool:
    """Do what is missing, write the tables after every step.

    Returns:
        Whether everything went well.

    Raises:
        SystemExit: The options or configs do not fit; nothing was started.
    """
    comparison = Comparison(options)
    good = work([(comparison, task) for task in comparison.tasks], options.jobs)
    print(finish(comparison))
    return good


def finish(comparison: Comparison) -> str:
    """Paint the picture; a sentence on where everything is."""
    out = comparison.options.out
    reason = plot(comparison.rows, out / "comparison.png")
    names = "comparison.md, comparison.csv" + ("" if reason else ", comparison.png")
    return f"{reason + ' ' if reason else ''}Written: {names} in {out}"
