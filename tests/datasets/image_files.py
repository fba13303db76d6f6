"""Image files of every kind, written as other programs write them."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import tifffile
from PIL import Image

SIZE = (6, 8)


def wide(rng, *shape):
    return rng.integers(0, 1 << 16, (*SIZE, *shape), dtype=np.uint16)


def narrow(rng, *shape):
    return rng.integers(0, 256, (*SIZE, *shape), dtype=np.uint8)


def write_tiff(path, pixels, **kwargs):
    """(H, W, C) as one page with a plane for each channel."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim == 3:
        kwargs = dict(planarconfig="separate", **kwargs)
        pixels = pixels.transpose(2, 0, 1)
    tifffile.imwrite(path, pixels, **{"photometric": "minisblack", **kwargs})
    return path


def write_packed(path, pixels):
    """A TIFF of one strip, whose numbers have 12 bits without a gap."""
    height, width = pixels.shape
    bits = "".join(f"{number:012b}" for number in pixels.ravel().tolist())
    strip = int(bits, 2).to_bytes(len(bits) // 8, "big")
    sizes = {256: width, 257: height, 258: 12, 259: 1, 262: 1, 277: 1, 278: height}
    tags = sorted((sizes | {273: 8 + 2 + 12 * 9 + 4, 279: len(strip)}).items())
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    header = b"II*\0" + struct.pack("<IH", 8, len(tags))
    path.write_bytes(header + entries + bytes(4) + strip)
    return path


def write_png(path, pixels, kind=4, clear=None):
    """A PNG of 16 bits, of grey and alpha or another kind that is seldom written.

    `clear` is a colour that shows what is behind.
    """

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", *pixels.shape[1::-1], 16, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    if clear is not None:
        chunks.insert(1, (b"tRNS", struct.pack(">HHH", *clear)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*x) for x in chunks))


def write_opencv(path, pixels):
    pixels = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    assert cv2.imwrite(str(path), pixels)
    return path


def write_turned(path, pixels, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)
    return path
