"""Paint a sheet of image, truth and prediction for samples of a data set.

Panoptic maps are painted over the image, with class and object written into them.

python tools/analysis/prediction_sheet.py CONFIG CHECKPOINT --out predictions.png
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmengine.registry import DATASETS

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from mmseg_maskformer.datasets.image_scales import spread  # noqa: E402
from mmseg_maskformer.datasets.metainfo import metainfo_of  # noqa: E402
from mmseg_maskformer.engine.arguments import (  # noqa: E402
    add_cfg_options,
    at_least_one,
    output_file,
)
from mmseg_maskformer.engine.config_files import read_config  # noqa: E402
from mmseg_maskformer.engine.models import require_class_order, trained_model  # noqa: E402
from shared.ending import ending_in_sentences  # noqa: E402
from shared.prediction_sheet import predict_rows, prediction_sheet  # noqa: E402


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "--out", type=output_file, default="predictions.png", help="file to write"
    )
    parser.add_argument("--num", type=at_least_one, default=6, help="number of samples")
    parser.add_argument(
        "--width", type=at_least_one, default=256, help="of a tile, in pixels"
    )
    parser.add_argument("--split", choices=["train", "val", "test"], default="val")
    add_cfg_options(parser)
    return parser.parse_args()


@ending_in_sentences()
def main() -> None:
    """Predict and paint."""
    args = parse_args()
    config = read_config(args.config, args.cfg_options)
    model = trained_model(config, args.checkpoint)
    dataset = DATASETS.build(config[f"{args.split}_dataloader"].dataset)
    meta = metainfo_of(dataset)
    require_class_order(model, meta["classes"], args.config)
    rows = predict_rows(model, dataset, spread(args.num, len(dataset)))
    sheet = prediction_sheet(rows, meta["classes"], meta["palette"], args.width)
    sheet.save(args.out, optimize=True)
    print(f"Image, truth and prediction of {len(rows)} samples: {args.out}")


if __name__ == "__main__":
    main()
