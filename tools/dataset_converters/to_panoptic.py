r"""Make panoptic and instance annotations from id maps or COCO's instances.

    python tools/dataset_converters/to_panoptic.py ROOT --things nucleus \
        --background background --val-share 0.2
    python tools/dataset_converters/to_panoptic.py ROOT --label-maps annotations \
        --things 1=cell 2=dust --stuff 0=glass
    python tools/dataset_converters/to_panoptic.py ROOT --coco train.json val.json \
        --label-maps annotations --things 3=car --stuff 0=road 1=sky

ROOT is a folder with images (or images/train and images/val) and as many id maps in
id_maps: PNG, TIFF or .npy of the name of their image, integers, 0 where there is no
object, any other number for each object. With --coco objects come from files in COCO's
instance format instead. Label maps (value = class) say the stuff, and the classes of
the objects of id maps.

panoptic_{train,val} (PNG), panoptic_{train,val}.json and instances_{train,val}.json
are written into ROOT, or into --out; images stay where they are. At the end numbers
are printed, and a config that trains on the files. docs/data.md says more.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import mmseg_maskformer  # noqa: F401, E402  (hosts without compiled operators)
from mmseg_maskformer.core.messages import shown  # noqa: E402
from mmseg_maskformer.datasets.transforms.image_files import files_below  # noqa: E402
from mmseg_maskformer.engine.arguments import at_least_one  # noqa: E402
from objects_lib.classes import choose_classes, named  # noqa: E402
from objects_lib.maps import read_ids  # noqa: E402
from objects_lib.painting import convert  # noqa: E402
from objects_lib.report import config, report  # noqa: E402
from objects_lib.samples import (  # noqa: E402
    choose_split,
    samples_of_coco,
    samples_of_maps,
)
from objects_lib.writing import check_results, write_results  # noqa: E402
from shared.ending import ending_in_sentences  # noqa: E402


class Parser(argparse.ArgumentParser):
    """Takes the mark of UTF-8 and empty lines in @FILE for no part of a class."""

    def convert_arg_line_to_args(self, arg_line: str) -> list[str]:
        """The class of a line, if it has one."""
        text = arg_line.removeprefix("\ufeff").strip()
        return [text] if text else []


def parse_args() -> argparse.Namespace:
    """Read the command line; paths are below the root."""
    parser = Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        fromfile_prefix_chars="@",
    )
    parser.add_argument("root", type=Path, help="the folder of the data set")
    add = parser.add_argument_group("files, below ROOT or as full paths").add_argument
    add("--images", type=Path, default="images", help="folder of images")
    add("--id-maps", type=Path, default="id_maps", help="folder of id maps")
    add("--id-colours", action="store_true", help="ids are colours")
    add("--void-id", type=int, help="the id that is void, if any")
    add("--label-maps", type=Path, help="none by default")
    instances = "COCO's instances: one file, or one of training and one of validation"
    add("--coco", type=Path, nargs="+", metavar="FILE", help=instances)
    add = parser.add_argument_group("classes; @FILE has one a line").add_argument
    for kind, what in (("--things", "objects"), ("--stuff", "what is no object")):
        text = f"classes of {what}; VALUE is that of label maps"
        add(kind, type=named, nargs="+", default=[], metavar="[VALUE=]NAME", help=text)
    add("--background", metavar="NAME", help="all that is no object")
    add("--void", type=int, nargs="+", help="void in label maps; 255 by default")
    title = "validation, unless there are train and val"
    add = parser.add_argument_group(title).add_argument
    add("--val-share", type=float, help="share of the images, as 0.2")
    add("--seed", type=int, default=0, help="of the draw")
    add("--val-list", type=Path, help="names of images, one a line")
    parser.add_argument("--out", type=Path, help="the folder of results, else ROOT")
    parser.add_argument("--workers", type=at_least_one, default=1, help="processes")
    parser.add_argument("--force", action="store_true", help="replace former results")
    args = parser.parse_args()
    if args.coco and (args.id_colours or args.void_id is not None):
        parser.error("--id-colours and --void-id are of id maps, which --coco replaces")
    if args.coco and len(args.coco) > 2:
        parser.error(f"--coco has {len(args.coco)} files: one or two are wanted")
    return args


def main() -> None:
    """Convert and report."""
    args = parse_args()
    with ending_in_sentences(stopped="Nothing has its final name yet: begin anew."):
        print(prepared(args))


def prepared(args: argparse.Namespace) -> str:
    """Find, check and convert everything; what was written."""
    root, out = args.root, args.out or args.root
    images, label_maps = root / args.images, args.label_maps and root / args.label_maps
    objects = [root / path for path in args.coco or [args.id_maps]]
    check_results(out, [images, *objects, label_maps or images], args.force)
    samples, listed = (
        samples_of_coco(objects, images, label_maps, [x for _, x in args.things])
        if args.coco
        else (samples_of_maps(images, objects[0], label_maps), None)
    )
    val_list = args.val_list and root / args.val_list
    samples = choose_split(samples, val_list, args.val_share, args.seed)
    given = (args.things, args.stuff, args.background, args.void)
    classes = choose_classes(*given, label_maps is not None, listed)
    ids = partial(read_ids, colours=args.id_colours, void=args.void_id)
    task = partial(convert, classes=classes, read_ids=ids)
    found = write_results(out, samples, classes, task, args.workers)
    lines = [report(split, rows, classes) for split, rows in found.items()]
    used = {sample.image for sample in samples}
    used.update(path for x in found for path in files_below(out / f"panoptic_{x}"))
    if unused := [path for path in files_below(images) if path not in used]:
        lines.append(f"{len(unused)} images are not converted: {shown(unused)}.")
    return "\n\n".join([*lines, "A config:", config(out, samples, classes)])


if __name__ == "__main__":
    main()
