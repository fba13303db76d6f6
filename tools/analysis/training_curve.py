"""Plot loss and validation score of a training, from the scalars in its work directory.

python tools/analysis/training_curve.py WORK_DIR --out curve.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib.pyplot as plt

from mmseg_maskformer.engine.arguments import output_file

_NO_SCORES = {"data_time", "time", "step"}  # beside scores in the log of a validation


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work_dir", nargs="+", help="of one training, or of several")
    parser.add_argument(
        "--out", type=output_file, default="curve.png", help="file to write"
    )
    parser.add_argument("--metric", default="mIoU", help="score to plot")
    parser.add_argument("--labels", nargs="+", help="names, one for each work_dir")
    args = parser.parse_args()
    args.labels = args.labels or [Path(folder).name for folder in args.work_dir]
    if len(args.labels) != len(args.work_dir):
        parser.error(
            f"--labels has {len(args.labels)} names for {len(args.work_dir)} trainings"
        )
    return args


def read_scalars(work_dir: Path) -> list[dict]:
    """All records below ``work_dir``, runs that were resumed in their order.

    Where scores are logged by epochs, ``step`` becomes that of the losses before them.
    """
    files = sorted(work_dir.glob("*/vis_data/scalars.json"))
    return [record for path in files for record in _by_iteration(path)]


def _by_iteration(path: Path) -> list[dict]:
    """The records of a file; an epoch has a lower ``step`` than its iterations."""
    records = [json.loads(line) for line in path.open() if line.strip()]
    done = 0
    for record in records:
        if "step" in record:
            done = record["step"] = max(done, record["step"])
    return records


def require_metric(records: list[dict], metric: str, folder: str) -> None:
    """Stop where there is no training, or no validation has that score."""
    if not records:
        raise SystemExit(
            f"{folder} holds no */vis_data/scalars.json: name the --work-dir of a "
            "training."
        )
    # losses stand beside a learning rate
    scores = {x for r in records if "lr" not in r for x in r} - _NO_SCORES
    if metric not in scores:
        known = ", ".join(sorted(scores)) or "no validation yet"
        raise SystemExit(f"{folder} has no {metric}; --metric of its logs: {known}.")


def series(records: list[dict], name: str) -> dict[int, float]:
    """Values of ``name`` by iteration, the last value where one was repeated."""
    found = {r["step"]: r[name] for r in records if name in r and "step" in r}
    return dict(sorted(found.items()))


def main() -> None:
    """Read, plot, save."""
    args = parse_args()
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for folder, label in zip(args.work_dir, args.labels, strict=True):
        records = read_scalars(Path(folder))
        require_metric(records, args.metric, folder)
        losses, scores = (series(records, name) for name in ("loss", args.metric))
        left.plot(list(losses), list(losses.values()), label=label, linewidth=1)
        right.plot(list(scores), list(scores.values()), "o-", label=label, markersize=3)
    left.set(xlabel="iteration", ylabel="loss")
    right.set(xlabel="iteration", ylabel=f"validation {args.metric}")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(args.out, dpi=100)
    print(f"Curves: {args.out}")


if __name__ == "__main__":
    main()
