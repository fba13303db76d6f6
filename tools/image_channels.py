"""Make weights for colour images fit images of another number of channels.

python tools/image_channels.py resnet50.pth resnet50_4.pth --channels 4

Of three and more channels each takes the weights of red, green or blue by turns, shared
among those that do; an image of copies of the colours gives what it gave before.
"""

from __future__ import annotations

import argparse

from convert_checkpoint import read, require_own_format, save
from mmseg_maskformer.checkpoints.channels import adapted
from mmseg_maskformer.engine.arguments import at_least_one, new_output
from shared.ending import ending_in_sentences


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "input",
        help="file, address, maskformer://NAME, mask2former://NAME or hf://REPOSITORY",
    )
    parser.add_argument("output", type=new_output, help="file")
    parser.add_argument(
        "--channels", type=at_least_one, required=True, help="of the images"
    )
    args = parser.parse_args()
    require_own_format(args.output)
    return args


def main() -> None:
    """Read, adapt, write."""
    args = parse_args()
    with ending_in_sentences():
        tensors, meta = read(args.input)
        changed = adapted(tensors, args.channels)
        save(dict(meta=meta, state_dict=changed), args.output)
    print(f"Written: {args.output}")


if __name__ == "__main__":
    main()
