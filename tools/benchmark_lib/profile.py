"""Where a step of one variant spends its time, by the profiler of PyTorch."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from .measure import Variant, synchronize

ROWS = 30
WARM_UP = 3  # steps that are not looked at


def profile_step(variant: Variant, device: torch.device) -> dict[str, Any]:
    """Profile one step.

    Returns:
        `wall_seconds` of a step that is not profiled, `device_seconds` in which the
        device computed, `launches` of kernels, `kernels` with name, seconds and calls,
        longest first, and a `table` of operators to print.
    """
    for _ in range(WARM_UP):
        variant.clear()
        variant.step()
    synchronize(device)
    started = time.perf_counter()
    variant.clear()
    variant.step()
    synchronize(device)
    wall = time.perf_counter() - started
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as recorded:
        variant.clear()
        variant.step()
        synchronize(device)
    kernels = _kernels(recorded)
    order = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
    return dict(
        wall_seconds=wall,
        device_seconds=sum(seconds for _, seconds, _ in kernels),
        launches=sum(calls for _, _, calls in kernels),
        kernels=kernels[:ROWS],
        table=recorded.key_averages().table(sort_by=order, row_limit=ROWS),
    )


def _kernels(recorded: profile) -> list[tuple[str, float, int]]:
    """Name, seconds and calls of every kernel; none on the CPU."""
    found: dict[str, list[float]] = {}
    for event in recorded.events():
        if event.device_type == DeviceType.CUDA:
            found.setdefault(event.name, []).append(event.device_time_total / 1e6)
    rows = [(name[:120], sum(times), len(times)) for name, times in found.items()]
    return sorted(rows, key=lambda row: -row[1])
