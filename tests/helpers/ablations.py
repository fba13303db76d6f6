"""Rows of Mask2Former's ablations: their configs and settings."""

from __future__ import annotations

import re
from functools import cache

from mmengine.config import DictAction

from mmseg_maskformer.engine.config_files import read_config
from tests.conftest import REPOSITORY

MASK2FORMER_PAGE = (REPOSITORY / "docs/mask2former.md").read_text(encoding="utf-8")
ABLATIONS = "configs/studies/mask2former"
COCO_CONFIG = "configs/mask2former/mask2former_r50_8xb2-lsj-50e_coco-panoptic.py"
SCENES_CONFIG = f"{ABLATIONS}/mask2former_tiny-3k_scenes-panoptic.py"
QUERY_COUNTS = (50, 200, 300, 1000)


def listed_rows():
    """Options of each row that is a setting, one for each number of queries."""
    text = MASK2FORMER_PAGE.partition("## Rows that are a setting")[2]
    for name, options in re.findall(r"^\| (.+?) \| `(model.+?)` \|$", text, re.M):
        for number in QUERY_COUNTS if name == "N queries" else ("",):
            found = re.sub("=N$", f"={number}", options)
            yield name.replace("N", str(number), 1) if number else name, found


ABLATION_ROWS = dict(listed_rows())


@cache
def read_ablation(path, options=""):
    """A config with its settings, as the command line gives them."""
    pairs = (option.split("=", 1) for option in options.split())
    parsed = {key: DictAction._parse_iterable(value) for key, value in pairs}
    return read_config(str(REPOSITORY / path), parsed)
