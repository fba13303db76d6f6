"""The stand-in weights behind `golden/maskformer_r50_ade20k.npz`.

Every tensor is a function of its name and shape, drawn from a generator seeded with
the name's CRC-32. The file was made by this rule; `golden/weights.py` describes it
with two differences that do not reproduce it: matrices and kernels are the second draw
of the generator, not the first, and packed attention projections are not multiplied
by four.
"""

from __future__ import annotations

import zlib

import numpy as np


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The float32 tensor of that name."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    if name.endswith("running_var"):
        value = 0.5 + random.rand(*shape)
    elif name.endswith("running_mean"):
        value = 0.1 * random.randn(*shape)
    elif len(shape) == 1:
        drawn = random.randn(*shape)
        value = 1 + 0.1 * drawn if name.endswith("weight") else 0.05 * drawn
    elif "query_" in name:
        value = random.randn(*shape)
    elif "class_embed" in name:
        value = 2 * random.randn(*shape)
    else:
        random.randn(*shape)
        value = random.randn(*shape) / np.sqrt(np.prod(shape[1:]))
    return value.astype(np.float32)


def image(height: int, width: int) -> np.ndarray:
    """The uint8 RGB test image (3, height, width): waves and noise."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [
        127 + 90 * np.sin(x / 17 + channel) + 30 * np.cos(y / (11 + channel))
        for channel in range(3)
    ]
    noise = 12 * np.random.RandomState(0).randn(3, height, width)
    return np.clip(np.stack(waves) + noise, 0, 255).astype(np.uint8)
