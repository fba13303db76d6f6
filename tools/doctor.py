r"""Look a data set over before training on it.

    python tools/doctor.py CONFIG --out work_dirs/doctor
    python tools/doctor.py data/mine --out work_dirs/doctor

Reads every image and label of a config's training and validation data, or of a folder
(images and annotations below it, paired by name), and writes report.md into --out: what
is wrong and how to mend it, sizes, channels, bits and orientations of the images,
values of the labels, frequencies of the classes, numbers and sizes of objects against
queries and stride; for a config also pictures of what the pipeline makes of ten images.
The table of classes is classes.csv, too.

The exit status is 1 where there are errors.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import mmseg_maskformer  # noqa: F401  (hosts without compiled operators)
from mmseg_maskformer.engine.arguments import (
    add_cfg_options,
    at_least_one,
    not_negative,
    output_folder,
)
from shared.ending import ending_in_sentences


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="a config, or a folder")
    parser.add_argument(
        "--out",
        type=output_folder,
        default="work_dirs/doctor",
        help="folder of the report",
    )
    parser.add_argument(
        "--workers", type=at_least_one, help="processes; default: one a core"
    )
    parser.add_argument(
        "--pictures", type=not_negative, default=10, help="training images to paint"
    )
    add_cfg_options(parser)
    return parser.parse_args()


@ending_in_sentences()
def main() -> None:
    """Read, judge, write."""
    args = parse_args()
    from doctor_lib import (
        checks,
        class_counts,
        folders,
        pictures,
        report,
        scan,
        sources,
    )
    from shared.output import write_csv

    if args.source.is_dir():
        source = folders.of_folder(args.source)
    else:
        source = sources.of_config(args.source, args.cfg_options)
    facts = scan.look_at_all(source.items, args.workers)
    if not source.classes:
        source.highest = class_counts.highest_label(facts)
    if (args.out / "report.md").is_file():  # a report on other data, perhaps
        for name in ("pipeline.png", "classes.csv"):
            (args.out / name).unlink(missing_ok=True)
    sheet = pictures.write_sheet(source, args.out / "pipeline.png", args.pictures)
    found = checks.findings(source, facts)
    classes = class_counts.class_table(source, facts)
    text = report.report(source, facts, found, classes, sheet)
    (args.out / "report.md").write_text(text, encoding="utf-8")
    if classes:
        write_csv(args.out / "classes.csv", classes)
    for x in found:
        print(f"{x.level}: {x.text} {x.remedy}".rstrip())
    print(f"Written: {args.out / 'report.md'}")
    sys.exit(any(x.level == "error" for x in found))


if __name__ == "__main__":
    main()
