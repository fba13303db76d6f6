"""Compare this package with the installed peers: time, peak memory, bytes saved.

All sides run in one process and take turns. Examples::

    python tools/benchmark.py criterion --size 512 --segments 9
    python tools/benchmark.py train-step --size 512 --amp
    python tools/benchmark.py semantic-inference --size 1024x2048 --batch 1 --check
    python tools/benchmark.py panoptic-inference --size 800x1333 --classes 133 \
        --batch 1 --kept 30 --check
    python tools/benchmark.py deformable-attention --size 512 --batch 1 --check
    python tools/benchmark.py mask2former-criterion --size 512 --check
    python tools/benchmark.py mask2former-step --size 512

The peers are mmseg's MaskFormerHead and, where transformers is installed, its
MaskFormer (not in semantic-inference: it resizes scores instead of masks, a different
result); in panoptic-inference the fusion head of mmdet's MaskFormer; of deformable
attention the forms in torch of mmcv and transformers. Use an otherwise
idle machine: threads that wait for each other make times on a busy one meaningless;
there, `--threads 1` and the CPU seconds say more.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import sys
from importlib import util
from pathlib import Path
from typing import Any

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler announces itself

import torch  # noqa: E402
from mmengine.logging import MMLogger  # noqa: E402
from torch import Tensor  # noqa: E402

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import mmseg_maskformer  # noqa: E402, F401  (hosts without compiled operators)
from benchmark_lib import (  # noqa: E402
    deformable,
    mask2former,
    mask2former_criterion,
    measure,
)
from benchmark_lib.environment import environment  # noqa: E402
from benchmark_lib.inputs import Outputs, Settings  # noqa: E402
from mmseg_maskformer.engine.arguments import (  # noqa: E402
    at_least_one,
    image_size,
    not_negative,
    output_file,
)
from shared.output import markdown_table  # noqa: E402

MODES = ("criterion", "train-step", "semantic-inference", "panoptic-inference")
MODULES = (deformable, mask2former, mask2former_criterion)
MODES += tuple(mode for module in MODULES for mode in module.MODES)
UNCHECKED = {
    "train-step": "a training step has dropout; check the criterion.",
    "mask2former-step": "the sides draw points of their own; check the criterion.",
    "mask2former-inference": "the sides have weights of their own.",
}
AMP = {"fp16": torch.float16, "bf16": torch.bfloat16}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("mode", choices=MODES)
    add("--device", default="cpu", choices=["cpu", "cuda"])
    add("--size", type=image_size, default="512", help="S or HxW of the network input")
    add("--batch", type=at_least_one, default=2, help="images")
    add("--classes", type=at_least_one, default=150)
    add("--segments", type=at_least_one, default=9, help="segments of an image")
    add("--queries", type=at_least_one, default=100)
    add("--kept", type=not_negative, default=30, help="queries with an object")
    add("--layers", type=at_least_one, default=6, help="supervised layers")
    add("--amp", nargs="?", const="bf16", choices=list(AMP))
    add("--repeats", type=at_least_one, default=5)
    add("--threads", type=at_least_one, help="threads of PyTorch on the CPU")
    add("--seed", type=int, default=0)
    add("--sides", nargs="+", help="only these: ours mmseg mmdet mmcv transformers")
    add("--check", action="store_true", help="results must agree")
    add("--json", type=output_file, help="write everything to this file")
    args = parser.parse_args()
    if args.check and args.mode in UNCHECKED:
        parser.error(f"--check: {UNCHECKED[args.mode]}")
    return args


def settings_of(args: argparse.Namespace) -> Settings:
    """The problem that the arguments describe."""
    device = torch.device(args.device)
    amp = AMP[args.amp] if args.amp else None
    return Settings(
        args.size,
        args.batch,
        args.classes,
        args.segments,
        args.queries,
        args.layers,
        device,
        amp,
        args.seed,
        args.kept,
    )


def sides(args: argparse.Namespace) -> list[Any]:
    """The modules of the sides that can run here; the first two can be checked."""
    files = {"ours": "our_side", "mmseg": "mmseg_side"}
    if args.mode == "panoptic-inference":
        files = {"ours": "our_side", "mmdet": "mmdet_side"}
    elif args.mode != "semantic-inference" and util.find_spec("transformers"):
        files["transformers"] = "huggingface_side"
    chosen = measure.chosen(files, args.sides, args.mode).values()
    return [importlib.import_module(f"benchmark_lib.{file}") for file in chosen]


def variants_of(args: argparse.Namespace, settings: Settings) -> list[measure.Variant]:
    """One variant of the mode for every side, on the same inputs."""
    for module in MODULES:
        if args.mode in module.MODES:
            return module.variants(args.mode, settings, args.sides)
    build = args.mode.replace("-", "_")
    shared = [Outputs(settings)] if args.mode == "criterion" else []
    return [getattr(side, build)(settings, *shared) for side in sides(args)]


def check(
    variants: list[measure.Variant], failed: dict[str, str], mode: str
) -> tuple[str, bool]:
    """What a comparison of the first two sides says, and whether they agree."""
    if len(variants) < 2:
        ran = ", ".join(variant.name for variant in variants) or "none"
        errors = "".join(f" {x} cannot make this step: {y}." for x, y in failed.items())
        return (
            f"--check compares two sides; here ran {ran}.{errors} Name two with "
            "--sides, or leave --check out."
        ), False
    first, second = (variant.step() for variant in variants[:2])
    if mode.endswith("inference"):
        gap: float = int((first.long() != second.long().view_as(first)).sum())
        verdict = f"{gap} of {first.numel()} labels differ"
    else:
        # both sides share the leaves, so their gradients add up; take turns
        grads = [_gradients(variant) for variant in variants[:2]]
        pairs = [(first, second), *zip(*grads, strict=True)]
        gap = float(torch.tensor([_relative(*pair) for pair in pairs]).max())
        verdict = (
            f"loss and gradients differ by at most {gap:.1e} (relative to the peer)"
        )
    labels, others = 0.0, 1e-5
    if first.is_cuda:  # products may run in TF32; labels differ where scores are equal
        labels, others = first.numel() / 1000, 1e-3
    if not gap <= (labels if mode.endswith("inference") else others):  # NaN neither
        return f"The sides do not agree: {verdict}.", False
    return verdict, True


def _gradients(variant: measure.Variant) -> list[Tensor]:
    """Those of a step; zeros of a leaf that the step does not reach."""
    variant.clear()
    variant.step()
    return [
        torch.zeros_like(leaf) if leaf.grad is None else leaf.grad.clone()
        for leaf in variant.leaves
    ]


def _relative(found: Tensor, wanted: Tensor) -> float:
    """Largest difference, relative to the largest entry."""
    gap = (found - wanted).abs().max()
    return float(gap / wanted.abs().max()) if gap != 0 else 0.0


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure every variant of the mode."""
    settings = settings_of(args)
    MMLogger.get_instance("benchmark").setLevel("ERROR")  # hosts report every init
    variants, failed = measure.able(variants_of(args, settings))
    report: dict[str, Any] = {
        "environment": environment(args.device, args.seed),
        "results": {},
    }
    if failed:
        report["failed"] = failed
    times = measure.alternate(variants, args.repeats, settings.device)
    for variant in variants:
        wall, cpu = zip(*times[variant.name], strict=True)
        figures: dict[str, Any] = {"seconds": wall, "cpu_seconds": cpu}
        figures["median"] = statistics.median(wall)
        figures["cpu_median"] = statistics.median(cpu)
        figures.update(measure.memory(variant, settings.device))
        figures.update(measure.saved_bytes(variant))
        figures["note"] = variant.note
        report["results"][variant.name] = figures
    if args.check:
        with mask2former_criterion.same_points():
            report["check"], report["agree"] = check(variants, failed, args.mode)
    return report


def table(report: dict[str, Any]) -> str:
    """The results as a Markdown table; ratios are peer / ours."""
    results = report["results"]
    ours = results.get("ours")
    head = ["side", "time (s)", "min - max", "CPU (s)", "peak (MiB)", "held (MiB)"]
    head += ["saved (MiB)", "without inputs"]
    rows = []
    keys = ("peak", "held", "saved", "saved_without_inputs")
    for name, figures in results.items():
        low, high = min(figures["seconds"]), max(figures["seconds"])
        row = [name, f"{figures['median']:.4f}", f"{low:.4f} - {high:.4f}"]
        row.append(f"{figures['cpu_median']:.3f}")
        rows.append(row + [f"{figures[key] / 2**20:.1f}" for key in keys])
    for name, figures in results.items():
        if ours and name != "ours":
            row = [f"{name} / ours", _ratio(figures, ours, "median"), ""]
            row.append(_ratio(figures, ours, "cpu_median"))
            rows.append(row + [_ratio(figures, ours, key) for key in keys])
    return markdown_table(head, rows, left=len(head))


def _ratio(peer: dict[str, Any], ours: dict[str, Any], key: str) -> str:
    return f"{peer[key] / ours[key]:.2f}x" if ours[key] else "-"


def main() -> None:
    """Run, print, write."""
    args = parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    report = run(args)
    print(table(report))
    for name, figures in report["results"].items():
        if figures["note"]:
            print(f"{name}: {figures['note']}")
    for name, error in report.get("failed", {}).items():
        print(f"{name} cannot make this step: {error}")
    if "check" in report:
        print(report["check"])
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
        print(f"written: {args.json}")
    if not report.get("agree", True):
        sys.exit(1)


if __name__ == "__main__":
    main()
