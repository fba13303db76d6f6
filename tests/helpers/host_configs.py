"""The configs that the hosts ship."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path


def host_config(package: str, name: str) -> Path:
    """A config of `mmseg` or `mmdet`, such as "fcn/fcn_r50-d8_....py"."""
    return Path(import_module(package).__file__).parent / ".mim/configs" / name
