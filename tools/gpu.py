"""Run everything that needs a GPU: ``python tools/gpu.py --out FOLDER``.

The parts run one after the other, most important first: the tests marked `gpu`, every
mode of tools/benchmark.py, Mask2Former's first, beside the peers in float32 and in
mixed precision, `torch.compile` of Mask2Former's network, the sizes of what is
streamed, a profile of a training step, a short training. Each part is a process with a
time limit of its own, so that none can take the time of the others. `--tiny` runs the
same on the CPU with small sizes, to see that the script works.

FOLDER gets a log of each part, the JSON of each benchmark and `results.json` with all
of them. MASKFORMER_DATA, if set, is where the training finds CamVid; it trains on
rendered scenes otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = {
    "criterion": (
        "criterion --size 512 --segments 9 --check",
        "criterion --size 1024 --segments 20 --check",
        "criterion --size 512 --segments 9 --amp fp16",
        "criterion --size 1024 --segments 20 --amp fp16",
        "criterion --size 800x1333 --classes 133 --segments 30 --batch 1 --check",
    ),
    "train-step": (
        "train-step --size 512",
        "train-step --size 512 --amp fp16",
        "train-step --size 512 --amp bf16",
        "train-step --size 1024 --segments 20 --amp fp16",
    ),
    "mask2former": (
        "mask2former-step --size 512",
        "mask2former-step --size 512 --amp fp16",
        "mask2former-step --size 1024 --segments 20 --amp fp16",
        "mask2former-criterion --size 512 --check",
        "mask2former-criterion --size 1024 --segments 20 --check",
        "mask2former-inference --size 800x1333 --batch 1 --kept 30",
        "mask2former-inference --size 800x1333 --batch 1 --kept 30 --amp fp16",
        "deformable-attention --size 512",
        "deformable-attention --size 1024",
        "deformable-forward --size 1024",
    ),
    "inference": (
        "semantic-inference --size 1024x2048 --batch 1 --check",
        "semantic-inference --size 512x683 --classes 847 --batch 1 --check",
        "panoptic-inference --size 800x1333 --classes 133 --batch 1 --kept 30 --check",
        "panoptic-inference --size 800x1333 --classes 133 --batch 1 --kept 100 --check",
    ),
}
TINY = "--size 64 --segments 3 --classes 12 --queries 8 --layers 2 --kept 4 --repeats 1"


class Part(NamedTuple):
    """One process: its name and the seconds it may take."""

    name: str
    limit: int


PARTS = (
    Part("tests", 100),
    Part("mask2former", 150),
    Part("criterion", 100),
    Part("train-step", 110),
    Part("inference", 60),
    Part("compile", 90),
    Part("chunks", 120),
    Part("profile", 50),
    Part("training", 120),
)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument(
        "--parts", nargs="+", choices=[part.name for part in PARTS], help="only these"
    )
    parser.add_argument("--tiny", action="store_true", help="on the CPU, small sizes")
    parser.add_argument("--run", help=argparse.SUPPRESS)  # a part, in its own process
    return parser.parse_args()


def command(part: Part, args: argparse.Namespace) -> list[str]:
    """What runs a part."""
    if part.name == "tests":
        return [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-m",
            "gpu",
            "-p",
            "no:cacheprovider",
        ]
    if part.name == "training":
        return training(args.out, args.tiny)
    own = [sys.executable, __file__, "--out", str(args.out), "--run", part.name]
    return own + ["--tiny"] * args.tiny


def training(out: Path, tiny: bool) -> list[str]:
    """A short training, CamVid's where the data are."""
    data = Path(os.environ.get("MASKFORMER_DATA", "data"), "camvid")
    name = "maskformer/maskformer_r18_1xb4-4k_camvid-256x256.py"
    if tiny or not data.exists():
        name = "demo/maskformer_tiny_scenes.py"
    found = [sys.executable, str(ROOT / "tools/train.py"), str(ROOT / "configs" / name)]
    folder = out / time.strftime("training-%Y%m%d-%H%M%S")
    found += ["--work-dir", str(folder), "--amp"]
    return [*found, "--iterations", "2" if tiny else "1000"]


def run_part(part: Part, args: argparse.Namespace) -> dict[str, Any]:
    """Run a part, its output in a log; say how it ended."""
    started = time.monotonic()
    log = args.out / f"{part.name}.log"
    limit = 10 * part.limit if args.tiny else part.limit  # a small machine is slow
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": _python_path()}
    with log.open("w") as file:
        streams: dict[str, Any] = dict(stdout=file, stderr=subprocess.STDOUT)
        try:
            code = subprocess.run(
                command(part, args),
                cwd=ROOT,
                env=environment,
                timeout=limit,
                check=False,
                **streams,
            ).returncode
            ended = "done" if code == 0 else f"exit status {code}"
        except subprocess.TimeoutExpired:
            ended = f"stopped after {limit} s"
    last = log.read_text(errors="replace").strip().splitlines()[-1:]
    return dict(
        ended=ended, seconds=round(time.monotonic() - started, 1), last="".join(last)
    )


def _python_path() -> str:
    given = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(ROOT), *([given] if given else [])])


def run_benchmarks(name: str, out: Path, tiny: bool) -> None:
    """All benchmarks of a part in this process, each with a JSON file of its own."""
    import benchmark

    failed = []
    for number, line in enumerate(BENCHMARKS[name]):
        where = ["--device", "cuda", "--repeats", "20"] if not tiny else TINY.split()
        target = out / f"{name}-{number}.json"
        sys.argv = ["tools/benchmark.py", *line.split(), *where, "--json", str(target)]
        print(" ".join(sys.argv), flush=True)
        try:
            benchmark.main()
        except (Exception, SystemExit) as error:  # the others are worth having
            failed.append(f"{line}: {error!r}")
            print(failed[-1], flush=True)
    if failed:
        raise SystemExit("\n".join(failed))


def run_chunks(out: Path, tiny: bool) -> None:
    """Time and memory against the size of what is streamed at a time."""
    import torch

    from benchmark_lib.chunks import chunk_costs

    device, repeats, shrink = ("cpu", 1, 16) if tiny else ("cuda", 15, 1)
    rows = []
    for row in chunk_costs(torch.device(device), repeats, shrink):
        rows.append(row)
        print(
            f"{row['case']:40} {row['side']:12} {1000 * row['median']:9.2f} ms "
            f"{row['peak'] / 2**20:9.1f} MiB",
            flush=True,
        )
        (out / "chunks.json").write_text(json.dumps(rows, indent=1) + "\n")


def run_compile(out: Path, tiny: bool) -> None:
    """Graph breaks of Mask2Former's network, and its steps without and with compiling.

    The CPU only traces: its compiler takes minutes.
    """
    import torch

    import mmseg_maskformer  # noqa: F401  (hosts without compiled operators)
    from benchmark_lib.compiling import compile_report
    from benchmark_lib.inputs import Settings

    device, side, amps = ("cpu", 64, [None]) if tiny else ("cuda", 512, [None, "fp16"])
    found = {}
    for amp in amps:
        settings = Settings(
            (side, side),
            *(2, 133, 9, 100, 10, torch.device(device)),
            amp=torch.float16 if amp else None,
            seed=0,
            kept=0,
        )
        report = compile_report(settings, "aot_eager" if tiny else "inductor", 10)
        found[amp or "float32"] = report
        print(report, flush=True)
        (out / "compile.json").write_text(json.dumps(found, indent=1) + "\n")


def run_profile(out: Path, tiny: bool) -> None:
    """Kernels of a training step of ours: time on the device, calls, wall time."""
    import torch

    from benchmark_lib import our_side
    from benchmark_lib.inputs import Settings
    from benchmark_lib.profile import profile_step

    device, size = ("cpu", (64, 64)) if tiny else ("cuda", (512, 512))
    found = {}
    for amp in (None, torch.bfloat16):
        settings = Settings(
            size, 2, 150, 9, 100, 6, torch.device(device), amp, seed=0, kept=0
        )
        report = profile_step(our_side.train_step(settings), settings.device)
        found[str(amp or torch.float32)] = report
        print(report.pop("table"))
    (out / "profile.json").write_text(json.dumps(found, indent=1) + "\n")


def main() -> None:
    """Run the parts, or one of them in this process."""
    args = parse_args()
    args.out = args.out.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.run:
        runs = {"profile": run_profile, "chunks": run_chunks, "compile": run_compile}
        run = runs.get(args.run, partial(run_benchmarks, args.run))
        return run(args.out, args.tiny)
    ended = {}
    for part in PARTS:
        if part.name in (args.parts or [part.name]):
            ended[part.name] = run_part(part, args)
            print(part.name, ended[part.name], flush=True)
    files = {
        path.stem: json.loads(path.read_text()) for path in args.out.glob("*-*.json")
    }
    text = json.dumps(dict(parts=ended, benchmarks=files), indent=1)
    (args.out / "results.json").write_text(text + "\n")
    if any(part["ended"] != "done" for part in ended.values()):
        raise SystemExit("Some parts did not end well; their logs say why.")
    return None


if __name__ == "__main__":
    main()
