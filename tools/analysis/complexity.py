"""Parameters and FLOPs (multiply-adds) of configs, beside each other.

python tools/analysis/complexity.py configs/maskformer/*_ade20k-*.py
python tools/analysis/complexity.py configs/maskformer/*_coco-panoptic.py --images 100

One image as high as the config's training images, on both sides as in the paper, unless
--size says another. Configs whose training images vary in size need --size or --images,
which averages over validation images, resized and padded as in evaluation: the paper's
count on COCO. --as-mask2former counts as in the ablations of Mask2Former
(docs/mask2former.md). --plot draws the scores that the metafile.yml of each config's
folder reports against FLOPs, a colour for each folder.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmengine.config import Config

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from benchmark_lib.complexity import (  # noqa: E402
    Complexity,
    input_sizes,
    mean_complexity,
    measure_complexity,
)
from benchmark_lib.complexity_plot import plot_scores, reported_score  # noqa: E402
from comparison.description import fixed_size  # noqa: E402
from mmseg_maskformer.engine.arguments import (  # noqa: E402
    add_cfg_options,
    at_least_one,
    image_size,
    output_file,
)
from mmseg_maskformer.engine.config_files import read_config  # noqa: E402
from mmseg_maskformer.engine.models import untrained_model  # noqa: E402
from shared.ending import ending_in_sentences  # noqa: E402


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("configs", nargs="+")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--size", type=image_size, help="S or HxW of the image")
    which.add_argument(
        "--images", type=at_least_one, help="average over so many validation images"
    )
    parser.add_argument(
        "--as-mask2former",
        action="store_true",
        help="masks between layers at the size of the mask features, no semantic part",
    )
    parser.add_argument("--plot", type=output_file, help="picture to write")
    parser.add_argument("--metric", default="PQ", help="score to plot")
    add_cfg_options(parser)
    return parser.parse_args()


def input_square(config: Config) -> tuple[int, int] | None:
    """Height of the training images on both sides; None where it varies."""
    size = fixed_size(config)
    return size and (size[0], size[0])


def measure(
    config: Config, size: tuple[int, int] | None, args: argparse.Namespace
) -> tuple[Complexity, str]:
    """What a config costs, and of which images: one of the size, or --images."""
    model = untrained_model(config)
    if size is not None:
        found = measure_complexity(model, size, args.as_mask2former)
        return found, f"at {size[0]} x {size[1]}"
    sizes = input_sizes(config, model, args.images)
    height, width = (sum(side) / len(sizes) for side in zip(*sizes, strict=True))
    mean = f"{height:.0f} x {width:.0f}"
    found = mean_complexity(model, sizes, args.as_mask2former)
    return found, f"over {len(sizes)} images, {mean} on average"


@ending_in_sentences()
def main() -> None:
    """Print one row a config, and the parts below it."""
    args = parse_args()
    configs = {path: read_config(path, args.cfg_options) for path in args.configs}
    scores = {x: reported_score(x, args.metric) for x in configs if args.plot}
    unknown, points = [], {}
    for path, config in configs.items():
        size = args.size or (None if args.images else input_square(config))
        if size is None and not args.images:
            unknown.append(path)
            continue
        found, images = measure(config, size, args)
        print(
            f"{path}: {found.parameters:,} parameters, {found.total / 1e9:.1f} G "
            f"{images}"
        )
        for part, count in found.multiply_adds.items():
            print(f"    {part:20} {count / 1e9:8.2f} G")
        points[path] = (found.total, scores.get(path, 0.0))
    if args.plot and points:
        plot_scores(points, args.metric, args.plot)
        print(f"{args.metric} against FLOPs: {args.plot}")
    if unknown:
        raise SystemExit(
            f"Not counted: {', '.join(unknown)}. A fixed size of training images is "
            "not in the config: add --size HxW, or --images N to average over "
            "validation images."
        )


if __name__ == "__main__":
    main()
