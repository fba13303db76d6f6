"""Peak memory and time of predicting one image of noise, with random weights.

Memory is the resident set's highest size above that of the built model and the image,
all threads and libraries included::

    python tools/analysis/prediction_memory.py CONFIG --size 4096x4096
    python tools/analysis/prediction_memory.py CONFIG --size 4096x4096 --cfg-options \
        model.test_cfg.mode=slide model.test_cfg.crop_size="(512, 512)" \
        model.test_cfg.stride="(341, 341)"
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from mmseg.structures import SegDataSample

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from benchmark_lib.measure import resident_peak  # noqa: E402
from mmseg_maskformer.adapters.images import image_channels  # noqa: E402
from mmseg_maskformer.engine.arguments import add_cfg_options, at_least_one, image_size  # noqa: E402
from mmseg_maskformer.engine.config_files import read_config  # noqa: E402
from mmseg_maskformer.engine.models import untrained_model  # noqa: E402
from shared.ending import ending_in_sentences  # noqa: E402


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="config file of a segmentor")
    parser.add_argument(
        "--size", type=image_size, default="4096", help="S or HxW of the image"
    )
    parser.add_argument("--threads", type=at_least_one, help="threads of PyTorch")
    add_cfg_options(parser)
    return parser.parse_args()


@ending_in_sentences()
@torch.no_grad()
def main() -> None:
    """Build, predict, report."""
    args = parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = untrained_model(read_config(args.config, args.cfg_options)).eval()
    channels = image_channels(model) or 3
    image = torch.randint(256, (channels, *args.size), dtype=torch.uint8)
    sample = SegDataSample(metainfo=dict(img_shape=args.size, ori_shape=args.size))
    start, computed = time.perf_counter(), time.process_time()
    with resident_peak() as growth:
        model.test_step(dict(inputs=[image], data_samples=[sample]))
    seconds = time.perf_counter() - start
    computed = time.process_time() - computed
    height, width = args.size
    print(
        f"{height}x{width}: {growth[0] / 2**20:,.0f} MiB, {seconds:.0f} s, "
        f"{computed:.0f} CPU s, {torch.get_num_threads()} thread(s)"
    )


if __name__ == "__main__":
    main()
