"""Where a benchmark ran: versions, hardware, command."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

PACKAGES = (
    "torch",
    "torchvision",
    "mmsegmentation-maskformer",
    "onedl-mmengine",
    "onedl-mmcv",
    "onedl-mmsegmentation",
    "onedl-mmdetection",
    "mmengine",
    "mmcv",
    "mmcv-lite",
    "mmsegmentation",
    "mmdet",
    "transformers",
    "scipy",
    "numpy",
)


def environment(device: str, seed: int) -> dict[str, Any]:
    """Versions, hardware and the command."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    on_cuda = device == "cuda"
    return {
        "command": shlex.join(["python", *sys.argv]),
        "seed": seed,
        "versions": {"python": platform.python_version(), **versions},
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if on_cuda else None,
        "load_at_start": os.getloadavg() if hasattr(os, "getloadavg") else None,
    }


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor()
