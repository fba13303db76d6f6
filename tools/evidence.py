"""Train and evaluate what docs/evidence.md reports; go on where it stopped.

    python tools/evidence.py vocabulary --jobs 2

Questions are done in the order given, each in a folder of its name below --out. A
training that is finished is not repeated, one that was stopped goes on from its last
checkpoint. Tables are written after every training.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import mmseg_maskformer  # noqa: F401  (hosts without compiled operators)
from evidence_lib.questions import QUESTIONS


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    from comparison.command_line import add_work_arguments

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
    add("--parts", nargs="+", help="only these comparisons of the questions")
    add("--tables", action="store_true", help="train nothing, write the tables")
    add_work_arguments(parser, out="work_dirs/evidence")
    args = parser.parse_args()
    unknown = [name for name in args.questions if name not in QUESTIONS]
    if unknown:
        parser.error(f"{unknown[0]}: the questions are {', '.join(QUESTIONS)}")
    args.questions = args.questions or list(QUESTIONS)
    parts = [part.name for name in args.questions for part in QUESTIONS[name]]
    unknown = [name for name in args.parts or () if name not in parts]
    if unknown:
        parser.error(
            f"--parts {unknown[0]}: the parts of {', '.join(args.questions)} are "
            f"{', '.join(dict.fromkeys(parts))}"
        )
    return args


def main() -> None:
    """Answer the questions one after the other."""
    args = parse_args()
    from comparison.command_line import run
    from evidence_lib.answer import Answer, answer

    given = Answer(
        out=args.out,
        script=Path(__file__).resolve().with_name("compare.py"),
        jobs=args.jobs,
        parts=args.parts,
        iterations=args.iterations,
        train=not args.tables,
        overrides=args.cfg_options,
    )
    run(lambda: all([answer(name, given) for name in args.questions]))


if __name__ == "__main__":
    main()
