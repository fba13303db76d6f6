"""Compare models on one data set: quality, size, speed and memory.

    python tools/compare.py CONFIG CONFIG ... --train --iterations 4000 --seeds 0 1

Configs are those of this package, of MMSegmentation or of MMDetection: semantic,
panoptic or instance, all of one kind. Writes comparison.md, comparison.csv and
comparison.png into --out. What --out already holds is not done
again, and a training goes on where it stopped. docs/comparison.md says more.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler announces itself

import mmseg_maskformer  # noqa: E402, F401  (hosts without compiled operators)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    from comparison.command_line import add_work_arguments

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("configs", nargs="+", metavar="CONFIG", help="config files")
    add("--train", action="store_true", help="train what has no weights yet")
    add(
        "--checkpoints", nargs="+", default=[], help="weights, one file for each config"
    )
    add("--seeds", type=int, nargs="+", default=[0], help="one training for each")
    add("--multi-scale", action="store_true", help="score with scales and flips too")
    add("--amp", action="store_true", help="train in mixed precision")
    add("--device", choices=["cpu", "cuda"], help="default: a GPU if any")
    add_work_arguments(parser, out="work_dirs/comparison")
    return parser.parse_args()


def choose_device(device: str | None) -> None:
    """Hide GPUs from this process and its jobs, or insist on one."""
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before the hosts look for a GPU
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise SystemExit("--device cuda: PyTorch finds no GPU; leave it out.")


def run_job(folder: Path) -> None:
    """Do one job of a comparison; this process was started for it."""
    from comparison.costs import run_costs
    from comparison.jobs import read_job
    from comparison.lock import working_in
    from comparison.run import run_scores

    run = run_costs if read_job(folder).kind == "costs" else run_scores
    with working_in(folder):
        run(folder)


def main() -> None:
    """Compare, or do one job of it."""
    if sys.argv[1:2] == ["--job"]:
        run_job(Path(sys.argv[2]))
        return
    args = parse_args()
    choose_device(args.device)
    from comparison.command_line import run
    from comparison.plan import Options
    from comparison.work import compare

    options = Options(
        configs=tuple(args.configs),
        out=args.out,
        script=Path(__file__).resolve(),
        train=args.train,
        checkpoints=tuple(args.checkpoints),
        iterations=args.iterations,
        seeds=tuple(args.seeds),
        multi_scale=args.multi_scale,
        amp=args.amp,
        overrides=args.cfg_options,
        jobs=args.jobs,
    )
    run(lambda: compare(options))


if __name__ == "__main__":
    main()
