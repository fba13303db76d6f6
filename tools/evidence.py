"""Train and evaluate what docs/evidence.md reports; go on where it stopped.

    python tools/evidence.py vocabulary --jobs 2

Questions are done in the order given, each in a folder of its name below --out. A
training that is finished is not repeated, one that was stopped goes on from its last
checkpoint. Tables are written after every training.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

import mmseg_maskformer  # noqa: F401  (hosts without compiled operators)
from evidence_lib.questions import QUESTIONS


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    from mmseg_maskformer.engine import arguments

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "questions",
        nargs="*",
        metavar="QUESTION",
        help=f"default: all, {', '.join(QUESTIONS)}",
    )
    add(
        "--out",
        type=arguments.output_folder,
        default="work_dirs/evidence",
        help="folder of trainings and tables",
    )
    add("--parts", nargs="+", help="only these comparisons of the questions")
    add(
        "--jobs",
        type=arguments.at_least_one,
        default=1,
        help="trainings side by side, in one thread each",
    )
    add(
        "--iterations",
        type=arguments.at_least_one,
        help="length of each training; default: the config's",
    )
    add("--tables", action="store_true", help="train nothing, write the tables")
    arguments.add_cfg_options(parser)
    args = parser.parse_args()
    unknown = [name for name in args.questions if name not in QUESTIONS]
    if unknown:
        parser.error(f"{unknown[0]}: the questions are {', '.join(QUESTIONS)}")
    args.questions = args.questions or list(QUESTIONS)
    parts = [part.name for name in args.questions for part in QUESTIONS[name]]
    unknown = [name for name in args.parts or () if name not in parts]
    if unknown:
        parser.error(
            f"--parts {unknown[0]}: {', '.join(args.questions)} have "
            f"{', '.join(dict.fromkeys(parts))}"
        )
    return args


def main() -> None:
    """Answer the questions one after the other."""
    args = parse_args()
    from evidence_lib.answer import Answer, answer

    # what is stopped stops its jobs, too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))
    given = Answer(
        out=args.out,
        script=Path(__file__).resolve().with_name("compare.py"),
        jobs=args.jobs,
        parts=args.parts,
        iterations=args.iterations,
        train=not args.tables,
        overrides=args.cfg_options,
    )
    try:
        done = [answer(name, given) for name in args.questions]
    except KeyboardInterrupt:
        sys.exit("\nStopped. The same command goes on from the last checkpoints.")
    sys.exit(0 if all(done) else 1)


if __name__ == "__main__":
    main()
