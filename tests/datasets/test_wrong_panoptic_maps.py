"""Panoptic maps that contradict their list of segments, by their real cause."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("mmdet")

from mmseg_maskformer.datasets.transforms.panoptic_maps import LoadPanopticMap
from tests.datasets.panoptic_files import BLUE, GREEN, RED, build, painted, write_set

pytestmark = pytest.mark.mmdet


def swapped(root):
    path = root / "maps" / "first.png"
    Image.fromarray(np.asarray(Image.open(path))[..., ::-1]).save(path)


def grey(dtype, values):
    def spoil(root):
        Image.fromarray(np.array(values, dtype)).save(root / "maps" / "first.png")

    return spoil


def truncated(root):
    path = root / "maps" / "first.png"
    path.write_bytes(path.read_bytes()[:-30])


WRONG_MAPS = {
    "unlisted ids": (
        painted([[77, RED, RED, GREEN], [BLUE, 999, BLUE, BLUE]]),
        ValueError,
        r"Pixels of .*first\.png have the id.s. 77, 999, .*List them in segments_info",
    ),
    "grey values as ids": (
        grey(np.uint8, [[0, RED, RED, 0], [RED, RED, RED, 0]]),
        ValueError,
        r"first\.png is grey and its values are ids: .*Write the id into the three",
    ),
    "grey values of 16 bits as ids": (
        grey(np.uint16, [[0, RED, RED, GREEN], [RED, RED, RED, GREEN]]),
        ValueError,
        r"first\.png is grey and its values are ids: .*Write the id into the three",
    ),
    "photograph": (
        lambda root: Image.new("RGB", (4, 2)).save(root / "maps" / "first.png", "JPEG"),
        ValueError,
        r"panoptic map .*first\.png is a JPEG, which changes numbers along borders",
    ),
    "blue first": (
        swapped,
        ValueError,
        r"channels of .*first\.png are in the order B, G, R: .*Write it as RGB",
    ),
    "no listed id has pixels": (
        painted([[0, 0, 0, 0], [0, 0, 0, 0]]),
        ValueError,
        r"lists the segment id.s. 5, .* of .*first\.png, but no pixel .*Check that",
    ),
    "another size": (
        painted([[RED, GREEN, BLUE]]),
        ValueError,
        r"first\.png has 1 x 3 pixels, but its image .*a\.jpg has 2 x 4 .*Check that",
    ),
    "incomplete": (
        truncated,
        OSError,
        r"panoptic map .*first\.png cannot be read .*Check that the file exists",
    ),
    "empty": (
        lambda root: (root / "maps" / "first.png").write_bytes(b""),
        OSError,
        r"panoptic map .*first\.png cannot be read .it is empty or no image.*Check",
    ),
    "missing": (
        lambda root: (root / "maps" / "first.png").unlink(),
        OSError,
        r"panoptic map .*first\.png cannot be read .No such file.*Check",
    ),
}


@pytest.mark.parametrize(
    ("spoil", "error", "message"), WRONG_MAPS.values(), ids=WRONG_MAPS
)
def test_wrong_maps_end_in_a_sentence(tmp_path, spoil, error, message):
    write_set(tmp_path)
    info = build(tmp_path).get_data_info(0) | dict(ori_shape=(2, 4))
    spoil(tmp_path)  # what loading of the list could not know
    with pytest.raises(error, match=message):
        LoadPanopticMap().transform(info)
