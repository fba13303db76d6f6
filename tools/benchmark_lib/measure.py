"""Time, peak memory and bytes saved for backward of one variant.

Peak memory on the CPU is exact with respect to PyTorch's allocator: the profiler
records every allocation and release, temporaries inside operators included, and the
figure is the highest running sum of one step, counted from its start (what the variant
was given is not part of it). The resident set's high-water mark of another such step is
kept beside it as a control. On CUDA it is the caching allocator's own peak counter.

Bytes saved for backward are the distinct storages that autograd's saved tensors hold
once the forward pass has returned. Since a function may keep tensors elsewhere, `held`
gives the allocator's view of the same moment: bytes allocated in the forward pass and
still alive before the backward pass.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

BACKWARD = "benchmark: backward"


@dataclass
class Variant:
    """One side of a comparison.

    `forward` returns the loss to differentiate, or a result without a graph. `inputs`
    are the tensors handed in (they are not counted as saved), `leaves` those whose
    gradients are wanted.
    """

    name: str
    forward: Callable[[], Tensor]
    inputs: Sequence[Tensor] = ()
    leaves: Sequence[Tensor] = ()
    note: str = ""

    def clear(self) -> None:
        """Forget the gradients."""
        for leaf in self.leaves:
            leaf.grad = None

    def step(self) -> Tensor:
        """Forward, and backward when there is a graph."""
        result = self.forward()
        if result.requires_grad:
            with torch.profiler.record_function(BACKWARD):
                result.backward()
        return result.detach()


def chosen(
    sides: Mapping[str, Any], wanted: Collection[str] | None, mode: str
) -> dict[str, Any]:
    """The sides of a mode that are wanted; default: all.

    Raises:
        SystemExit: One of them is not there.
    """
    if set(wanted or ()) - set(sides):
        raise SystemExit(
            f"--sides {' '.join(wanted or ())}: {mode} has {', '.join(sides)} here."
        )
    return {name: x for name, x in sides.items() if name in (wanted or sides)}


def able(variants: list[Variant]) -> tuple[list[Variant], dict[str, str]]:
    """The variants that can make a step, and the errors of the peers that cannot."""
    found, failed = [], {}
    for variant in variants:
        try:
            variant.step()
        except Exception as error:
            if variant.name == "ours":
                raise
            failed[variant.name] = f"{type(error).__name__}: {error}"
        else:
            found.append(variant)
        variant.clear()
    return found, failed


def synchronize(device: torch.device) -> None:
    """Wait for the device; nothing to wait for on the CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def alternate(
    variants: list[Variant], repeats: int, device: torch.device, warmup: int = 1
) -> dict[str, list[tuple[float, float]]]:
    """Wall and CPU seconds of each step; variants take turns, so drift meets all."""
    times: dict[str, list[tuple[float, float]]] = {
        variant.name: [] for variant in variants
    }
    gc.collect()
    gc.freeze()  # what is there already need not be looked through at every turn
    for turn in range(warmup + repeats):
        for variant in variants:
            variant.clear()
            gc.collect()
            synchronize(device)
            wall, cpu = time.perf_counter(), time.process_time()
            variant.step()
            synchronize(device)
            if turn >= warmup:
                spent = time.perf_counter() - wall, time.process_time() - cpu
                times[variant.name].append(spent)
            variant.clear()
    gc.unfreeze()
    return times


def memory(variant: Variant, device: torch.device) -> dict[str, int]:
    """Peak and held bytes of one step, on top of what was there before it."""
    variant.clear()
    gc.collect()
    measure = _cuda_memory if device.type == "cuda" else _cpu_memory
    figures = measure(variant)
    variant.clear()
    return figures


def _cuda_memory(variant: Variant) -> dict[str, int]:
    variant.step()  # libraries take workspaces at their first call and keep them
    variant.clear()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    result = variant.forward()
    held = torch.cuda.memory_allocated() - before
    if result.requires_grad:
        result.backward()
    torch.cuda.synchronize()
    return {"peak": torch.cuda.max_memory_allocated() - before, "held": held}


def _cpu_memory(variant: Variant) -> dict[str, int]:
    with resident_peak() as resident:
        variant.step()
    variant.clear()
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        variant.step()
    events = sorted(
        profile.profiler.kineto_results.events(), key=lambda e: e.start_ns()
    )
    total = peak = held = 0
    backward = False
    for event in events:
        if event.name() == BACKWARD and not backward:
            held, backward = total, True
        elif event.name() == "[memory]" and event.device_type().name == "CPU":
            total += event.nbytes()
            peak = max(peak, total)
    return {"peak": peak, "held": held, "resident_peak": resident[0]}


@contextmanager
def resident_peak() -> Iterator[list[int]]:
    """Growth of the resident set's high-water mark in bytes; -1 where not known."""
    clear, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    found = [-1]
    if not clear.exists():
        yield found
        return
    clear.write_text("5")
    before = _status_bytes(status, "VmRSS")
    yield found
    found[0] = _status_bytes(status, "VmHWM") - before


def _status_bytes(status: Path, key: str) -> int:
    line = next(x for x in status.read_text().splitlines() if x.startswith(key))
    return int(line.split()[1]) * 1024


def saved_bytes(variant: Variant) -> dict[str, int]:
    """Bytes of distinct storages saved for backward, with and without the inputs."""
    kept = _SavedTensors()
    with saved_tensors_hooks(kept.pack, kept.unpack):
        result = variant.forward()
    storages = kept.storages() if result.requires_grad else {}
    given = {x.untyped_storage().data_ptr() for x in variant.inputs}
    own = [size for address, size in storages.items() if address not in given]
    return {"saved": sum(storages.values()), "saved_without_inputs": sum(own)}


class _SavedTensors:
    """Keeps track of what a graph saves for as long as it saves it."""

    def __init__(self) -> None:
        self.alive: dict[int, Tensor] = {}

    def pack(self, tensor: Tensor) -> _Handle:
        tensor = tensor.detach()  # or it would keep the graph that saves it
        handle = _Handle(self, tensor)
        self.alive[id(handle)] = tensor
        return handle

    def unpack(self, handle: _Handle) -> Tensor:
        return handle.tensor

    def storages(self) -> dict[int, int]:
        """Address and bytes of every storage that is still saved."""
        found = [x.untyped_storage() for x in self.alive.values()]
        return {storage.data_ptr(): storage.nbytes() for storage in found}


class _Handle:
    """Stands for a saved tensor; autograd drops it together with the graph."""

    def __init__(self, owner: _SavedTensors, tensor: Tensor) -> None:
        self.owner, self.tensor = owner, tensor

    def __del__(self) -> None:
        self.owner.alive.pop(id(self), None)
