"""Run what tools/export.py wrote, without torch: NumPy, Pillow and a runtime.

python tools/run_exported.py FOLDER photo.jpg more.png --out results
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

Array = np.ndarray
Size = tuple[int, int]  # height and width


def read_image(path: Path, model: dict[str, Any]) -> tuple[Array, Size]:
    """The network's input (1, 3, H, W), and the size of the file's image.

    Raises:
        ValueError: It is a grey image of more than 8 bits, which Pillow clips (of
            colours it takes the upper 8, as training does), or has channels beside
            colours and alpha.
    """
    stored = Image.open(path)
    _check(path, stored)
    turned = ImageOps.exif_transpose(stored) if model["orientation"] else stored
    image = turned.convert("RGB")
    width, height = image.size
    rule = model["resize"]
    if rule is None:
        return _as_input(np.asarray(image)), (height, width)
    target = tuple(rule["scale"])  # width and height
    if rule["keep_ratio"]:
        long, short = max(target) / max(image.size), min(target) / min(image.size)
        target = tuple(int(side * min(long, short) + 0.5) for side in image.size)
    if rule["backend"] == "cv2":
        import cv2

        pixels = cv2.resize(np.asarray(image), target)
    else:
        pixels = np.asarray(image.resize(target, Image.Resampling.BILINEAR))
    return _as_input(pixels), (height, width)


def _check(path: Path, image: Any) -> None:
    """Refuse an image of which Pillow would leave out something."""
    if image.mode[0] in "IF":
        raise ValueError(
            f"{path} has values of more than 8 bits (Pillow's mode {image.mode}), and "
            "exported models take 8-bit images; convert it."
        )
    channels = len(image.getbands())
    if image.format == "TIFF":
        channels = image.tag_v2.get(277, channels)  # SamplesPerPixel
    if image.mode == "RGBX" or channels > len(image.getbands()):
        raise ValueError(
            f"{path} has {channels} channels, and exported models take grey or "
            "colours, with alpha or without; save three channels."
        )


def _as_input(pixels: Array) -> Array:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32)


def bilinear(x: Array, size: Size) -> Array:
    """Maps (n, h, w) to (n, H, W), corners not aligned."""
    for axis, length in ((1, size[0]), (2, size[1])):
        ratio = x.shape[axis] / length
        source = np.maximum((np.arange(length) + 0.5) * ratio - 0.5, 0)
        low = np.minimum(source.astype(int), x.shape[axis] - 1)
        high = np.minimum(low + 1, x.shape[axis] - 1)
        share = (source - low).astype(x.dtype).reshape((-1, 1) if axis == 1 else -1)
        x = x.take(low, axis) * (1 - share) + x.take(high, axis) * share
    return x


def nearest(x: Array, size: Size) -> Array:
    """A map (h, w) to (H, W)."""
    pairs = zip(size, x.shape, strict=True)
    rows, columns = (np.arange(new) * old // new for new, old in pairs)
    return x[rows[:, None], columns]


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    with np.errstate(over="ignore"):  # of an infinite one the result is 0, as it should
        return 1 / (1 + np.exp(-x))


def results(
    outputs: dict[str, Array], model: dict[str, Any], inside: Size, size: Size
) -> dict[str, Array]:
    """Maps of the size of the file's image from outputs for an input ``inside``."""
    if "labels" in outputs:
        return dict(semantic=nearest(outputs["labels"][0], size))
    exp = np.exp(
        outputs["class_logits"][0] - outputs["class_logits"][0].max(-1)[:, None]
    )
    probs = exp / exp.sum(-1, keepdims=True)  # (Q, K + 1)
    divisor = model["divisor"]
    padded = (-(-inside[0] // divisor) * divisor, -(-inside[1] // divisor) * divisor)
    logits = bilinear(outputs["mask_logits"][0], padded)[:, : inside[0], : inside[1]]
    if model["resized"] == "probabilities":
        masks = sigmoid(logits)
        masks = masks if inside == size else bilinear(masks, size)
    else:
        masks = sigmoid(logits if inside == size else bilinear(logits, size))
    makers = dict(semantic=semantic, panoptic=panoptic, instance=instance)
    found: dict[str, Array] = {}
    for name in model["results"]:
        found |= makers[name](probs, masks, model)
    return found


def semantic(probs: Array, masks: Array, model: dict[str, Any]) -> dict[str, Array]:
    """The class of every pixel."""
    scores = np.tensordot(probs[:, :-1], masks, axes=(0, 0))
    return dict(semantic=scores.argmax(0))


def panoptic(probs: Array, masks: Array, model: dict[str, Any]) -> dict[str, Array]:
    """Class + 1000 * object of every pixel, the number of classes where void."""
    options, void = model["options"], probs.shape[1] - 1
    scores, labels = probs.max(1), probs.argmax(1)
    kept = (labels != void) & (scores > options["object_mask_thr"])
    found = np.full(masks.shape[1:], void)
    if not kept.any():
        return dict(panoptic=found)
    labels, masks = labels[kept], masks[kept]
    best = (masks * scores[kept, None, None]).argmax(0)
    objects = 0
    for query, label in enumerate(labels):
        won, half = best == query, masks[query] >= 0.5
        part = won & half if options["panoptic_rule"] == "mask2former" else won
        if not (part.any() and half.any()):
            continue
        if won.sum() / half.sum() < options["iou_thr"]:
            continue
        thing = label < model["num_things"]
        objects += thing
        found[part] = label + 1000 * objects * thing
    return dict(panoptic=found)


def instance(probs: Array, masks: Array, model: dict[str, Any]) -> dict[str, Array]:
    """Masks (n, H, W) of objects, with their classes and scores, best first."""
    options, classes = model["options"], probs.shape[1] - 1
    pairs = probs[:, :-1].copy()
    if options["one_per_query"]:
        pairs[pairs < pairs.max(1, keepdims=True)] = -1
    order = np.argsort(-pairs.ravel(), kind="stable")[: options["max_per_image"]]
    order = order[(order % classes < model["num_things"]) & (pairs.ravel()[order] >= 0)]
    query, labels = order // classes, order % classes
    inside = masks > 0.5
    mean = (masks * inside).sum((1, 2)) / (inside.sum((1, 2)) + 1e-6)
    scores = pairs.ravel()[order] * mean[query]
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= options["score_thr"]]
    return dict(masks=inside[query[order]], labels=labels[order], scores=scores[order])


def check(folder: Path, images: list[Path], model: dict[str, Any]) -> None:
    """Stop, before anything is run, where results would be wrong or lost."""
    if not model:
        sys.exit(
            f"{folder} has no model.json; name a folder that tools/export.py wrote."
        )
    if "resized" not in model:
        sys.exit(
            f"{folder}/model.json is that of an earlier tools/export.py, which did not "
            "say what is resized; export the model again."
        )
    if not (folder / "model.onnx").is_file():
        sys.exit(
            f"{folder} has no model.onnx, and this script uses ONNX Runtime alone: "
            "write it with tools/export.py --backend onnx."
        )
    rule = model["options"].get("panoptic_rule")
    if "panoptic" in model["results"] and rule not in ("maskformer", "mask2former"):
        sys.exit(
            f"model.json has panoptic_rule={rule!r}, which is not in this script: add "
            "--cfg-options model.test_cfg.panoptic_rule=maskformer to tools/export.py, "
            "or use tools/predict.py."
        )
    for stem, number in Counter(path.stem for path in images).items():
        if number > 1:
            sys.exit(
                f"{number} images would be written to {stem}.npz: give them other "
                "names, or run the script for each with its own --out."
            )


def main() -> None:
    """Read images, run the file, write one .npz for each image."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="what tools/export.py wrote")
    parser.add_argument("images", type=Path, nargs="+", help="image files")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()
    path = args.folder / "model.json"
    model = json.loads(path.read_text()) if path.is_file() else {}
    check(args.folder, args.images, model)
    import onnxruntime

    session = onnxruntime.InferenceSession(args.folder / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    args.out.mkdir(parents=True, exist_ok=True)
    for path in args.images:
        image, size = read_image(path, model)
        outputs = dict(zip(names, session.run(names, {"image": image}), strict=True))
        found: dict[str, Any] = results(outputs, model, image.shape[2:], size)
        np.savez_compressed(args.out / f"{path.stem}.npz", **found)


if __name__ == "__main__":
    main()
