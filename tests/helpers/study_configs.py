"""The study configs."""

from __future__ import annotations

from functools import cache

from mmengine.config import Config

from tests.helpers.configs import CONFIGS

STUDIES = {
    path.stem: path
    for path in (CONFIGS / "studies").rglob("*.py")
    if path.parent.name != "mask2former"  # in test_ablation_configs.py
}


@cache
def read_study(name):
    """The config, to be left as it is."""
    return Config.fromfile(STUDIES[name])
