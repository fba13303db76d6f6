"""Every Mask2Former config builds; sizes and recipes are those of the paper's code."""

from __future__ import annotations

import re
from functools import cache

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmseg_maskformer.catalog import CATALOG
from tests.conftest import REPOSITORY
from tests.test_configs import trainable

FOLDER = REPOSITORY / "configs/mask2former"
NAMES = sorted(path.stem.removeprefix("mask2former_") for path in FOLDER.glob("*.py"))
pytestmark = pytest.mark.skipif(
    all("PointMasks" not in names for names in CATALOG["TASK_UTILS"].values()),
    reason="there is no PointMasks",
)


def marked(names):
    """The same parameters, those of MMDetection's models marked."""
    marks = {True: pytest.mark.mmdet, False: ()}
    found = [bool(re.search("panoptic|instance", str(name))) for name in names]
    return [pytest.param(x, marks=marks[y]) for x, y in zip(names, found, strict=True)]


@cache
def read(name):
    """The config, to be left as it is."""
    return Config.fromfile(FOLDER / f"mask2former_{name}.py")


@cache
def built(name):
    """The model without values."""
    config = read(name)
    if config.default_scope == "mmdet":
        pytest.importorskip("mmdet")
    init_default_scope(config.default_scope)
    settings = Config(dict(model=config.model)).model
    settings.backbone.init_cfg = None
    with torch.device("meta"):
        return MODELS.build(settings)


# Trainable parameters with K classes; one more or less is 257: a row of the class head
# and its bias. Those of Swin-B and -L with 133 classes are of panoptic models.
SIZES = {
    "r50": (43_983_878, 133),
    "r50-syncbn": (44_007_700, 19),
    "r101": (62_923_782, 133),
    "swin-t": (47_435_264, 133),
    "swin-s": (68_753_168, 133),
    "swin-b": (106_917_822, 133),
    "swin-l": (215_488_779, 150),
    "swin-l-200q": (215_535_610, 133),
}
NORMS = 53_120, 105_344  # weights and biases of the batch norms of R50 and R101


def expected(name, classes):
    """Trainable parameters of a row."""
    backbone = name.split("_")[0].replace("-in1k", "").replace("-in22k", "")
    if backbone == "swin-l" and re.search("panoptic|instance", name):
        backbone = "swin-l-200q"
    extra = 0
    if backbone == "r101" and re.search("cityscapes|ade20k", name):
        extra = NORMS[1]
    elif backbone == "r50" and "cityscapes" in name:
        backbone = "r50-syncbn"
    total, known = SIZES[backbone]
    return total + extra + 257 * (classes - known)


ROWS = [name for name in NAMES if re.match(r"(r50|r101|swin-.*?)_", name)]


@pytest.mark.parametrize("name", marked(ROWS))
def test_parameters_are_those_of_the_paper(name):
    model = built(name)
    classes = getattr(model, "num_classes", None) or model.decode_head.num_classes
    assert trainable(model) == expected(name, classes)
