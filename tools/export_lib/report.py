"""The report of an export, as Markdown and JSON."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from shared.output import markdown_table

from .parity import ExportComparison, ImageComparison, Limits

HEAD = (
    "image",
    "input",
    "equal labels",
    "largest difference",
    "PyTorch, CPU",
    "runtime, CPU",
)


def write_report(
    folder: Path, comparison: ExportComparison, limits: Limits, facts: dict[str, Any]
) -> str:
    """Write ``report.json`` and ``report.md``.

    Args:
        folder: of the exported model.
        comparison: with PyTorch.
        limits: that it must keep.
        facts: command, versions and what else a reader needs, by name.

    Returns:
        The Markdown.
    """
    faults = comparison.faults(limits)
    facts = dict(facts, torch=torch.__version__, machine=platform.machine())
    summary = dict(
        passed=not faults,
        faults=faults,
        equal_labels=comparison.equal_labels(),
        largest_difference=comparison.largest_difference(),
        limits=asdict(limits),
        facts=facts,
        **asdict(comparison),
    )
    text = _markdown(comparison, limits, faults, facts)
    (folder / "report.json").write_text(f"{json.dumps(summary, indent=2)}\n")
    (folder / "report.md").write_text(text, encoding="utf-8")
    return text


def _markdown(
    comparison: ExportComparison,
    limits: Limits,
    faults: list[str],
    facts: dict[str, Any],
) -> str:
    verdict = "The export is refused:" if faults else "The export agrees with PyTorch."
    logits = "" if limits.logits is None else f", logits within {limits.logits:.0e}"
    before, after = (_mebibytes(x) for x in comparison.memory)
    lines = [
        "# Export",
        "",
        verdict,
        *(f"- {fault}" for fault in faults),
        "",
        f"Asked for: {limits.labels:.1%} of labels equal{logits}.",
        "Times are CPU seconds of all threads.",
        f"Memory of the largest image with weights: PyTorch {before}, runtime {after}.",
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
        "",
        markdown_table(HEAD, map(_cells, comparison.images), left=4),
    ]
    return "\n".join(lines) + "\n"


def _cells(image: ImageComparison) -> list[str]:
    height, width = image.size
    equal = (
        f"{name} {count / image.pixels:.4%} of {image.kinds[name]} labels"
        for name, count in image.equal.items()
    )
    differences = (
        f"{name} {value:.1e} of {image.largest[name]:.3g}"
        for name, value in image.differences.items()
    )
    times = [f"{seconds:.2f} s" for seconds in image.seconds]
    size = f"{height} x {width}"
    return [image.name, size, ", ".join(equal), ", ".join(differences) or "-", *times]


def _mebibytes(number: int) -> str:
    return "unknown" if number < 0 else f"{number / 2**20:,.0f} MiB"
