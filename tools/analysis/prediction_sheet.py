"""Paint a sheet of image, truth and prediction for samples of a data set.

Panoptic maps are painted over the image, with class and object written into them.
Training images go through the pipeline of val_dataloader: predictions of mirrored
images are mirrored back, and would not fit image and truth.

python tools/analysis/prediction_sheet.py CONFIG CHECKPOINT --out predictions.png
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from mmseg_maskformer.datasets.image_scales import spread  # noqa: E402
from mmseg_maskformer.datasets.metainfo import metainfo_of  # noqa: E402
from mmseg_maskformer.datasets.wrappers import (  # noqa: E402
    leaf_configs,
    parts_of_config,
)
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
    parser.add_argument(
        "--split",
        choices=["train", "val", "test"],
        default="val",
        help="training images go through the pipeline of val_dataloader",
    )
    add_cfg_options(parser)
    return parser.parse_args()


def data_of(config: Config, split: str) -> Mapping[str, Any]:
    """The config of a split's data set; of training as evaluation would show it.

    Raises:
        ValueError: It has no such loader, or of training none of validation.
    """
    for name in ("train", "val") if split == "train" else (split,):
        if not config.get(f"{name}_dataloader"):
            raise ValueError(
                f"{config.filename} has no {name}_dataloader, which --split {split} "
                "needs: write one, or choose another split."
            )
    dataset = config[f"{split}_dataloader"].dataset
    if split != "train":
        return dataset
    return _evaluated(dataset, leaf_configs(config.val_dataloader.dataset)[0])


def _evaluated(dataset: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """A data set with the pipeline of another; wrappers but joining are taken off."""
    parts = [_evaluated(part, like) for part in parts_of_config(dataset)]
    if not parts:
        shown = {key: like[key] for key in ("pipeline", "test_mode") if key in like}
        return dict(dataset, **shown)
    return dict(dataset, datasets=parts) if "datasets" in dataset else parts[0]


@ending_in_sentences()
def main() -> None:
    """Predict and paint."""
    args = parse_args()
    config = read_config(args.config, args.cfg_options)
    model = trained_model(config, args.checkpoint)
    dataset = DATASETS.build(data_of(config, args.split))
    meta = metainfo_of(dataset)
    require_class_order(model, meta["classes"], args.config)
    rows = predict_rows(model, dataset, spread(args.num, len(dataset)))
    sheet = prediction_sheet(rows, meta["classes"], meta["palette"], args.width)
    sheet.save(args.out, optimize=True)
    print(f"Image, truth and prediction of {len(rows)} samples: {args.out}")


if __name__ == "__main__":
    main()
