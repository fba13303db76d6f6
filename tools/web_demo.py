"""A page in the browser: drop an image, see the results, move the thresholds.

python tools/web_demo.py CONFIG CHECKPOINT

serves it at http://127.0.0.1:7860. Panoptic, instance and semantic results are shown,
as far as the model makes them; a click on a picture lists the queries there, and shows
their masks. Nothing leaves the machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import mmseg_maskformer  # noqa: F401  (hosts without compiled operators)
from mmseg_maskformer.engine.arguments import add_cfg_options, device_name
from mmseg_maskformer.inference import Predictor
from shared.ending import ending_in_sentences
from web_demo_lib.explorer import Explorer, images_below
from web_demo_lib.page import serve


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "--device", type=device_name, help="default: a GPU if there is one"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--port", type=int, default=7860, help="to listen at")
    parser.add_argument("--examples", type=Path, help="folder of images to choose from")
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    """Load the model, serve the page."""
    args = parse_args()
    examples = images_below(args.examples) if args.examples else []
    with ending_in_sentences():
        predictor = Predictor(
            args.config, args.checkpoint, args.device, args.cfg_options
        )
        title = Path(args.config).stem
        page = serve(Explorer(predictor), title, examples, args.host, args.port)
    print(f"{page.local_url} is open until Ctrl-C.", flush=True)
    page.block_thread()


if __name__ == "__main__":
    main()
