r"""Predict images of one's own with a trained model.

    python tools/predict.py CONFIG CHECKPOINT a.jpg folder 'more/*.png' --out results

Inputs are images, folders of images, patterns and videos. --out gets pictures with the
results painted over the images, and the files that tools/test.py --out writes: label
maps, panoptic.json with its PNGs, instances.json; with --uncertainty also maps of
confidence. Of a video it gets the painted video.

The exit status is 1 where an image could not be read; the others are predicted.
"""

from __future__ import annotations

import argparse
import glob
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.dataset import BaseDataset
from PIL import Image

import mmseg_maskformer  # noqa: F401  (hosts without compiled operators)
from mmseg_maskformer.engine.arguments import add_cfg_options
from mmseg_maskformer.engine.results.files import ResultFiles
from mmseg_maskformer.inference import Found, Predictor

IMAGES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
VIDEOS = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("inputs", nargs="+", help="images, folders, patterns, videos")
    parser.add_argument("--out", type=Path, default=Path("predictions"), help="folder")
    parser.add_argument("--batch-size", type=int, default=1, help="images at a time")
    parser.add_argument("--device", help="default: a GPU if there is one")
    parser.add_argument(
        "--no-pictures", action="store_true", help="write results alone"
    )
    parser.add_argument(
        "--uncertainty", action="store_true", help="write maps of confidence, 0 to 255"
    )
    add_cfg_options(parser)
    return parser.parse_args()


def files_of(inputs: list[str]) -> list[Path]:
    """Images and videos that the inputs name, each once.

    Raises:
        SystemExit: An input names nothing.
    """
    found: dict[Path, None] = {}
    for text in inputs:
        if Path(text).is_dir():
            paths = sorted(Path(text).rglob("*"))
            kept = [x for x in paths if x.suffix.lower() in IMAGES | VIDEOS]
        elif Path(text).is_file():
            kept = [Path(text)]
        else:
            kept = [Path(x) for x in sorted(glob.glob(text, recursive=True))]
        if not kept:
            raise SystemExit(f"{text}: there is no image or video of this name.")
        found.update(dict.fromkeys(kept))
    return list(found)


class Listed(BaseDataset):
    """Images that are to be predicted, for the names of their results."""

    def __init__(self, paths: list[Path], meta: dict[str, Any]) -> None:
        self.paths = paths
        super().__init__(metainfo=dict(meta), test_mode=True)

    def load_data_list(self) -> list[dict]:
        """An entry for every image."""
        return [dict(img_path=str(path)) for path in self.paths]


def readable(predictor: Predictor, paths: list[Path]) -> Iterator[dict[str, Any]]:
    """Loaded images; those that cannot be read are named on the standard error."""
    for path in paths:
        try:
            yield predictor.load(path)
        except (OSError, ValueError) as error:
            print(f"Left out: {error}", file=sys.stderr)


def predict_images(
    predictor: Predictor, paths: list[Path], args: argparse.Namespace
) -> int:
    """Predict images and write everything; how many could not be read."""
    files = ResultFiles(args.out, Listed(paths, predictor.meta))
    waiting: list[dict[str, Any]] = []
    done = 0
    for loaded in readable(predictor, paths):
        waiting.append(loaded)
        if len(waiting) == args.batch_size:
            done += write(predictor.predict(waiting), files, args, done, len(paths))
            waiting = []
    if waiting:
        done += write(predictor.predict(waiting), files, args, done, len(paths))
    files.compute_metrics(files.results)
    return len(paths) - done


def write(
    batch: list[Found], files: ResultFiles, args: Any, done: int, total: int
) -> int:
    """Write results of a batch; how many there are."""
    for found in batch:
        files.process(None, [found.sample.to_dict()])
        name = files.images[found.sample.img_path].map
        if not args.no_pictures:
            save(args.out / "pictures" / name, found.picture())
        if args.uncertainty:
            confidence = found.sample.pred_confidence.data[0].cpu().numpy()
            save(
                args.out / "confidence" / name,
                (255 * confidence + 0.5).astype(np.uint8),
            )
    print(f"{done + len(batch)} of {total} images", flush=True)
    return len(batch)


def save(path: Path, pixels: np.ndarray) -> None:
    """Write a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def frames(path: Path) -> Iterator[np.ndarray]:
    """Frames of a video, blue first."""
    video = cv2.VideoCapture(str(path))
    while True:
        there, frame = video.read()
        if not there:
            break
        yield frame
    video.release()


def predict_video(predictor: Predictor, path: Path, args: argparse.Namespace) -> bool:
    """Paint the frames of a video; whether it could be read."""
    video = cv2.VideoCapture(str(path))
    rate = video.get(cv2.CAP_PROP_FPS) or 25.0
    video.release()
    target = args.out / f"{path.stem}.mp4"
    args.out.mkdir(parents=True, exist_ok=True)
    writer, number = None, 0
    for found in predictor(frames(path), args.batch_size):
        picture = np.ascontiguousarray(found.picture()[..., ::-1])
        if writer is None:
            size = (picture.shape[1], picture.shape[0])
            code = cv2.VideoWriter.fourcc(*"mp4v")
            writer = cv2.VideoWriter(str(target), code, rate, size)
        writer.write(picture)
        number += 1
    if writer is None:
        print(f"Left out: the video {path} has no readable frame.", file=sys.stderr)
        return False
    writer.release()
    print(f"{number} frames: {target}")
    return True


def main() -> None:
    """Load the model, predict, write."""
    args = parse_args()
    paths = files_of(args.inputs)
    overrides = dict(args.cfg_options)
    if args.uncertainty:
        overrides["model.test_cfg.uncertainty"] = True
    predictor = Predictor(args.config, args.checkpoint, args.device, overrides)
    videos = [path for path in paths if path.suffix.lower() in VIDEOS]
    images = [path for path in paths if path not in videos]
    left_out = predict_images(predictor, images, args) if images else 0
    left_out += sum(not predict_video(predictor, path, args) for path in videos)
    print(f"Results: {args.out}")
    sys.exit(left_out > 0)


if __name__ == "__main__":
    main()
