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
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import mmseg_maskformer  # noqa: F401, E402  (hosts without compiled operators)
from dataset_converters.preparation import ending_in_sentences  # noqa: E402
from mmseg_maskformer.core.conventions import shown  # noqa: E402
from mmseg_maskformer.engine.arguments import at_least_one  # noqa: E402
from objects_lib.classes import Named, choose_classes  # noqa: E402
from objects_lib.coco import read_coco  # noqa: E402
from objects_lib.folders import (  # noqa: E402
    choose_split,
    find_samples,
    unused_images,
)
from objects_lib.maps import IdMaps  # noqa: E402
from objects_lib.report import report, settings  # noqa: E402
from objects_lib.writing import check_results, write_splits  # noqa: E402


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        fromfile_prefix_chars="@",
    )
    parser.add_argument("root", type=Path, help="the folder of the data set")
    add_sources(parser.add_argument_group("files, below ROOT or as full paths"))
    add_classes(parser.add_argument_group("classes; @FILE has one a line"))
    splits = parser.add_argument_group("validation, unless there are train and val")
    splits.add_argument("--val-share", type=float, help="share of the images, as 0.2")
    splits.add_argument("--seed", type=int, default=0, help="of the draw")
    splits.add_argument("--val-list", type=Path, help="names of images, one a line")
    parser.add_argument("--out", type=Path, help="the folder of results, else ROOT")
    parser.add_argument("--workers", type=at_least_one, default=1, help="processes")
    parser.add_argument("--force", action="store_true", help="replace former results")
    args = parser.parse_args()
    if args.coco and (args.id_colours or args.void_id is not None):
        parser.error("--id-colours and --void-id are of id maps, which --coco replaces")
    return args


def add_sources(group: argparse._ArgumentGroup) -> None:
    """Where images, objects and label maps are, and how id maps are read."""
    group.add_argument("--images", type=Path, default=Path("images"))
    group.add_argument("--id-maps", type=Path, default=Path("id_maps"))
    group.add_argument("--id-colours", action="store_true", help="ids are colours")
    group.add_argument("--void-id", type=int, help="the id that is void, if any")
    group.add_argument("--label-maps", type=Path, help="none by default")
    group.add_argument(
        "--coco",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="COCO's instances: one file, or one of training and one of validation",
    )


def add_classes(group: argparse._ArgumentGroup) -> None:
    """Names, and values of label maps."""
    for kind, what in (("things", "objects"), ("stuff", "what is no object")):
        group.add_argument(
            f"--{kind}",
            type=Named.read,
            nargs="+",
            default=[],
            metavar="[VALUE=]NAME",
            help=f"classes of {what}; VALUE is that of label maps",
        )
    group.add_argument("--background", metavar="NAME", help="all that is no object")
    group.add_argument(
        "--void", type=int, nargs="+", help="void in label maps; 255 by default"
    )


def main() -> None:
    """Convert and report."""
    args = parse_args()
    with ending_in_sentences("Nothing has its final name yet: begin anew."):
        print(convert(args))


def convert(args: argparse.Namespace) -> str:
    """Find, check and convert everything; what was written."""
    root, out = args.root, args.out or args.root
    images, id_maps = root / args.images, root / args.id_maps
    label_maps = args.label_maps and root / args.label_maps
    files = [root / file for file in args.coco or ()]
    sources = [images, *(files or [id_maps]), *([label_maps] if label_maps else [])]
    check_results(out, sources, args.force)
    samples, listed = (
        read_coco(files, images, label_maps)
        if files
        else (find_samples(images, id_maps, label_maps), None)
    )
    classes = choose_classes(
        things=args.things,
        stuff=args.stuff,
        background=args.background,
        void=args.void,
        has_labels=label_maps is not None,
        listed=listed,
    )
    val_list = args.val_list and root / args.val_list
    samples = choose_split(samples, val_list, args.val_share, args.seed)
    how = IdMaps(args.id_colours, args.void_id)
    found = write_splits(out, samples, classes, how, args.workers)
    lines = [report(split, rows, classes) for split, rows in found.items()]
    if unused := unused_images(images, samples):
        lines.append(f"{len(unused)} images are not converted: {shown(unused)}.")
    return "\n\n".join([*lines, "A config:", settings(out, samples, classes)])


if __name__ == "__main__":
    main()
