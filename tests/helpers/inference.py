"""Images and weights for prediction: what a model makes of them is not of one label."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from mmseg_maskformer.engine.config_files import read_config
from mmseg_maskformer.engine.models import untrained_model
from tests.conftest import REPOSITORY
from tests.helpers.exported import spread

SCENES = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"
PANOPTIC = REPOSITORY / "configs/demo/maskformer_tiny_scenes-panoptic.py"  # of mmdet


def noise(height, width, seed=0):
    """(H, W, 3) uint8, in blobs."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.array(Image.fromarray(pixels).resize((width, height)))


def write_images(folder):
    """Three files of noise, one of another size, in two folders."""
    paths = [folder / f"{name}.png" for name in ("a/0", "a/1", "b/0")]
    for seed, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(64, 96 if seed == 1 else 64, seed)).save(path)
    return paths


def write_weights(folder, config=SCENES, overrides=None, pixels=None):
    """Random ones, with heads that tell queries apart, best in an image (H, W, 3)."""
    torch.manual_seed(0)
    model = untrained_model(read_config(str(config), overrides or {})).eval()
    pixels = torch.tensor(noise(64, 96) if pixels is None else pixels)
    preprocessor = model.data_preprocessor
    image = (pixels.permute(2, 0, 1)[None] - preprocessor.mean) / preprocessor.std
    spread(model, image, classes=3.0, masks=30.0)
    torch.save(dict(state_dict=model.state_dict()), folder / "weights.pth")
    return folder / "weights.pth"


def files_below(folder):
    """Paths of files, relative to a folder."""
    return {str(x.relative_to(folder)) for x in folder.rglob("*") if x.is_file()}
