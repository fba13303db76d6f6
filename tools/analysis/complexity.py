"""Parameters and FLOPs (multiply-adds) of configs, beside each other.

python tools/analysis/complexity.py configs/maskformer/*_ade20k-*.py

One image of the config's crop, its height on both sides as in the paper, or of a
rendered scene, unless --size says another.
"""

from __future__ import annotations

import argparse

from mmengine.config import Config

from mmseg_maskformer.engine.arguments import add_cfg_options, image_size
from mmseg_maskformer.engine.complexity import measure_complexity
from mmseg_maskformer.engine.launch import read_config, untrained_model


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("configs", nargs="+")
    parser.add_argument("--size", type=image_size, help="S or HxW of the image")
    add_cfg_options(parser)
    return parser.parse_args()


def input_square(config: Config, path: str) -> tuple[int, int]:
    """Height of the crop, or of the rendered scene, on both sides."""
    size = config.get("crop_size") or config.get("scene", {}).get("size")
    if size is None:
        raise SystemExit(f"{path} has no crop_size; add --size HxW.")
    return size[0], size[0]


def main() -> None:
    """Print one row a config, and the parts below it."""
    args = parse_args()
    for path in args.configs:
        config = read_config(path, args.cfg_options)
        size = args.size or input_square(config, path)
        found = measure_complexity(untrained_model(config), size)
        print(
            f"{path}: {found.parameters:,} parameters, {found.total / 1e9:.1f} G at "
            f"{size[0]} x {size[1]}"
        )
        for part, count in found.multiply_adds.items():
            print(f"    {part:20} {count / 1e9:8.2f} G")


if __name__ == "__main__":
    main()
