"""Images and weights for prediction: what a model makes of them is not of one label."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from mmseg_maskformer.engine.launch import read_config, untrained_model
from tests.conftest import REPOSITORY

SCENES = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"


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


def write_weights(folder, config=SCENES, overrides=None):
    """Random ones, moved and scaled so that queries differ in class and mask."""
    torch.manual_seed(0)
    model = untrained_model(read_config(str(config), overrides or {})).eval()
    network = model.decode_head.network
    image = torch.from_numpy(noise(64, 96)).permute(2, 0, 1)[None] / 58 - 2
    with torch.no_grad():
        found = network(model.extract_feat(image))
        network.pixel_decoder.mask_conv.bias -= found.mask_features.mean((0, 1, 3, 4))
        for layer, values in (
            (network.class_head, found.class_logits[-1, 0]),
            (network.mask_head[-1], found.mask_embed[-1, 0]),
        ):
            factor = 3 / values.std(0).mean()
            layer.bias.sub_(values.mean(0)).mul_(factor)
            layer.weight *= factor
    torch.save(dict(state_dict=model.state_dict()), folder / "weights.pth")
    return folder / "weights.pth"
