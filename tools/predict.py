r"""Predict images of one's own with a trained model.

    python tools/predict.py CONFIG CHECKPOINT a.jpg folder 'more/*.png' --out results

Inputs are images, folders of images, patterns and videos. --out gets pictures with the
results painted over the images, and the files that tools/test.py --out writes: label
maps, panoptic.json with its PNGs, instances.json. Instances of --score-thr or more are
in annotations.json, too, which labelling tools and data sets read. With --uncertainty
it gets also maps of confidence. Of a video it gets the painted video.

The exit status is 1 where an image or a video could not be read to its end; the others
are predicted. What is done is written where a run ends early, too.
"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

import mmseg_maskformer  # noqa: F401  (hosts without compiled operators)
from mmseg_maskformer.adapters.head import NanPredictionError
from mmseg_maskformer.engine.arguments import (
    add_cfg_options,
    at_least_one,
    device_name,
    output_folder,
)
from mmseg_maskformer.engine.results.files import ResultFiles, refuse_former
from mmseg_maskformer.engine.results.images import listed_files
from mmseg_maskformer.inference import (
    SHOWN_SCORE,
    TASKS,
    Found,
    Loaded,
    Predictor,
)
from predict_lib.inputs import files_of, is_video
from predict_lib.video import Video, VideoWriter
from shared.ending import ending_in_sentences
from shared.progress import show_line


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("inputs", nargs="+", help="images, folders, patterns, videos")
    parser.add_argument(
        "--out", type=output_folder, default="predictions", help="folder to write"
    )
    parser.add_argument(
        "--batch-size", type=at_least_one, default=1, help="images at a time"
    )
    parser.add_argument(
        "--device", type=device_name, help="default: a GPU if there is one"
    )
    parser.add_argument(
        "--task",
        choices=list(TASKS),
        help="what pictures show; default: the first of these that the model makes",
    )
    parser.add_argument(
        "--score-thr",
        type=float,
        default=SHOWN_SCORE,
        help="least score of instances in pictures and annotations.json",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace former results of --out"
    )
    parser.add_argument(
        "--no-pictures", action="store_true", help="write results alone"
    )
    parser.add_argument(
        "--uncertainty", action="store_true", help="write maps of confidence, 0 to 255"
    )
    add_cfg_options(parser)
    return parser.parse_args()


def predict_images(
    predictor: Predictor, paths: list[Path], args: argparse.Namespace
) -> int:
    """Predict images and write everything; how many could not be read."""
    names = [str(path) for path in paths]
    files = ResultFiles(
        args.out,
        predictor.dataset,
        paths=names,
        replace=args.force,
        score_thr=args.score_thr,
    )
    try:
        return predict_each(predictor, names, files, args)
    except BaseException:
        if files.results:
            done = f"{len(files.results)} of {len(names)} images"
            complain(f"It ends early, with results of {done}.")
        raise
    finally:
        if files.results:
            files.compute_metrics(files.results)


def predict_each(
    predictor: Predictor, names: list[str], files: ResultFiles, args: argparse.Namespace
) -> int:
    """Predict images; how many could not be read."""
    waiting, left_out = [], 0
    for number, name in enumerate(names, start=1):
        try:
            waiting.append(predictor.load(name))
        except (OSError, ValueError) as error:
            left_out += 1
            complain(f"Left out: {error}")
        if len(waiting) == args.batch_size or number == len(names):
            results = predict_batch(predictor, waiting) if waiting else []
            for found in results:
                write(found, files, args)
            left_out += len(waiting) - len(results)
            waiting = []
            tell(number, len(names), args.batch_size, "images")
    return left_out


def predict_batch(predictor: Predictor, waiting: list[Loaded]) -> list[Found]:
    """Results of a batch, without images that the model predicts NaN for."""
    try:
        return predictor.predict(waiting)
    except NanPredictionError as error:
        if len(waiting) > 1:
            return [x for image in waiting for x in predict_batch(predictor, [image])]
        complain(f"Left out: {error}")
        return []


def write(found: Found, files: ResultFiles, args: argparse.Namespace) -> None:
    """Write the results of an image, or an error and nothing."""
    painted = {}
    if not args.no_pictures:
        painted["pictures"] = found.picture(args.task, args.score_thr)
    if args.uncertainty:
        confidence = 255 * found.confidence() + 0.5
        painted["confidence"] = confidence.astype(np.uint8)
    files.process(None, [found.sample.to_dict()])
    name = files.images[found.sample.img_path].map
    for kind, pixels in painted.items():
        save(args.out / kind / name, pixels)


def save(path: Path, pixels: np.ndarray) -> None:
    """Write a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def predict_video(
    predictor: Predictor, path: Path, target: Path, args: argparse.Namespace
) -> bool:
    """Paint the frames of a video; whether all of them could be read."""
    video, number = Video(path), 0
    try:
        for frame in islice(video, 1):  # the others are alike
            predictor.load(frame)
    except ValueError as error:
        complain(f"Left out: {path}: {error}")
        return False
    try:
        with VideoWriter(target, video.rate) as writer:
            for number, found in enumerate(predictor(video, args.batch_size), start=1):
                writer.write(found.picture(args.task, args.score_thr))
                tell(number, max(number, video.length), 1, f"frames of {path}")
    except NanPredictionError as error:
        complain(f"Left out: of {path} all but {number} frames. {error}")
        return False
    if number and number >= video.length - 1:  # what files say may be off by one
        return True
    complain(f"Left out: of {path} {number} of {video.length} frames could be read.")
    return False


def tell(done: int, total: int, step: int, what: str) -> None:
    """Show how far it has come: on a terminal always, else at every twentieth part."""
    last = done == total
    milestone = last or 20 * done // total > 20 * (done - step) // total
    show_line(sys.stdout, f"{done} of {total} {what}", milestone, last)


def complain(text: str) -> None:
    """Say what went wrong, on a line of its own."""
    clear = "\r\033[K" if sys.stderr.isatty() else ""
    print(clear + text, file=sys.stderr, flush=True)


def predict(predictor: Predictor, paths: list[Path], args: argparse.Namespace) -> int:
    """Predict everything; how many files could not be read to their end."""
    images = [path for path in paths if not is_video(path)]
    files = listed_files([str(path) for path in paths if is_video(path)])
    if files and (args.no_pictures or args.uncertainty):
        raise ValueError(
            f"{next(iter(files))} is a video, of which only the painted one is made: "
            "leave --no-pictures and --uncertainty out, or name its frames as images."
        )
    videos = {
        name: f"pictures/{Path(file.map).with_suffix('.mp4')}"
        for name, file in files.items()
    }
    if not args.force:
        refuse_former(args.out, [*pictures_of(images, args), *videos.values()])
    left_out = predict_images(predictor, images, args) if images else 0
    for name, painted in videos.items():
        left_out += not predict_video(predictor, Path(name), args.out / painted, args)
    return left_out


def pictures_of(images: list[Path], args: argparse.Namespace) -> list[str]:
    """What is painted of images, below --out; the results say themselves."""
    kinds = ["pictures"] * (not args.no_pictures) + ["confidence"] * args.uncertainty
    files = listed_files([str(path) for path in images]).values()
    return [f"{kind}/{file.map}" for kind in kinds for file in files]


def main() -> None:
    """Load the model, predict, write."""
    args = parse_args()
    paths = files_of(args.inputs, args.out)
    overrides = dict(args.cfg_options)
    if args.uncertainty:
        overrides["model.test_cfg.uncertainty"] = True
    with ending_in_sentences(stopped="Begin again with --force or another --out."):
        predictor = Predictor(args.config, args.checkpoint, args.device, overrides)
        left_out = predict(predictor, paths, args)
    print(f"Results: {args.out}")
    if left_out:
        raise SystemExit(f"{left_out} of {len(paths)} files were left out.")


if __name__ == "__main__":
    main()
