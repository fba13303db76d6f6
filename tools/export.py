"""Export a model for ONNX Runtime or OpenVINO, and compare it with PyTorch's.

python tools/export.py CONFIG CHECKPOINT --backend onnx --out exported --images photos

The folder gets the model, model.json, report.md and report.json. The exit status is 1
where labels or logits differ by more than the report allows.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from export_lib.parity import FLOAT32, HALF, compare, own_rounding
from export_lib.report import write_report
from mmseg_maskformer.datasets.transforms.image_files import IMAGE_SUFFIXES, files_below
from mmseg_maskformer.engine.arguments import (
    add_cfg_options,
    at_least_one,
    image_size,
    output_folder,
)
from mmseg_maskformer.engine.config_files import read_config
from mmseg_maskformer.engine.models import require_class_order, trained_model
from mmseg_maskformer.export.description import describe
from mmseg_maskformer.export.network import ExportableNetwork
from mmseg_maskformer.export.onnx_file import write_half, write_onnx
from mmseg_maskformer.export.runtimes import (
    SUFFIXES,
    open_model,
    runtime_version,
    write_openvino,
)
from run_exported import read_image
from shared.ending import ending_in_sentences

# the second holds the weights of an ONNX file of more than 1.5 GB
_WRITTEN = ("model.onnx", "model.onnx.data", "model.xml", "model.bin", "model.json")
_REPORTS = ("report.json", "report.md")


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "--backend",
        choices=list(SUFFIXES),
        default="onnx",
        help="runtime the file is for",
    )
    parser.add_argument(
        "--out", type=output_folder, required=True, help="folder to write"
    )
    parser.add_argument(
        "--images",
        type=Path,
        nargs="+",
        required=True,
        help="files and folders to compare on",
    )
    parser.add_argument(
        "--size", type=image_size, metavar="HxW", help="of all images; default: any"
    )
    parser.add_argument(
        "--labels", action="store_true", help="give semantic labels, not logits"
    )
    parser.add_argument(
        "--half", action="store_true", help="half precision (docs/export.md)"
    )
    parser.add_argument(
        "--threads",
        type=at_least_one,
        default=1,
        help="threads of PyTorch and of the runtime when they are compared",
    )
    add_cfg_options(parser)
    return parser.parse_args()


def image_files(paths: list[Path]) -> list[Path]:
    """Files, and the images of folders as ``tools/predict.py`` finds them, each once.

    Raises:
        FileNotFoundError: A path is missing, or there is no image at all.
    """
    missing = [str(path) for path in paths if not path.exists()]
    found = [
        file
        for path in paths
        for file in (files_below(path) if path.is_dir() else [path])
    ]
    if missing or not found:
        raise FileNotFoundError(
            f"--images: {', '.join(missing) or 'no image in the folders'}; name files "
            f"or folders with {', '.join(IMAGE_SUFFIXES)}."
        )
    return list(dict.fromkeys(found))


def require_one_runtime(backend: str, folder: Path) -> None:
    """Stop where a folder holds a model for another runtime, which would go.

    Raises:
        ValueError: It does.
    """
    for name, suffix in SUFFIXES.items():
        path = folder / f"model{suffix}"
        if name != backend and path.exists():
            raise ValueError(
                f"{path} is there already, for --backend {name}, and model.json and "
                "the report are those of one model: name another folder with --out."
            )


def write_model(network: ExportableNetwork, args: argparse.Namespace) -> Path:
    """Write the model in place of a former one; the path of what the runtime opens.

    The former one goes, with its reports, when the new one is complete.
    """
    opened = f"model{SUFFIXES[args.backend]}"
    with TemporaryDirectory(dir=args.out) as unfinished:
        folder = Path(unfinished)
        path, full = folder / opened, folder / "float32.onnx"
        if args.backend == "onnx" and not args.half:
            write_onnx(network, path, args.size)
        else:
            write_onnx(network, full, args.size)
            if args.backend == "onnx":
                write_half(full, path)
            else:
                write_openvino(full, path, half=args.half)
        for name in (*_WRITTEN, *_REPORTS):
            (args.out / name).unlink(missing_ok=True)
        for path in folder.glob("model.*"):
            path.rename(args.out / path.name)
    return args.out / opened


def main() -> None:
    """Export, compare, report."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    with ending_in_sentences(RuntimeError):
        require_one_runtime(args.backend, args.out)
        runtime = runtime_version(args.backend)
        paths = image_files(args.images)
        config = read_config(args.config, args.cfg_options)
        model = trained_model(config, args.checkpoint).cpu().eval()
        network = ExportableNetwork(model, labels=args.labels).eval()
        description = describe(network, config, args.size)
        require_class_order(model, description["classes"] or (), args.config)
        read = partial(read_image, model=description)
        largest = max(paths, key=lambda path: read(path)[0].size)  # or an error
        path = write_model(network, args)
    (args.out / "model.json").write_text(f"{json.dumps(description, indent=2)}\n")

    opened = partial(open_model, args.backend, path, args.threads)
    found = compare(network, opened, read, paths, largest)
    limits = HALF if args.half else FLOAT32
    facts = dict(
        command=shlex.join(["python", "tools/export.py", *sys.argv[1:]]),
        runtime=runtime,
        threads=args.threads,
        precision="half" if args.half else "float32",
        file=f"{path.name}, {_megabytes(args.out):.1f} MB",
    )
    faults = found.faults(limits)
    if faults and not (args.half or args.labels):
        rounding = own_rounding(network, (read(path)[0] for path in paths))
        facts["PyTorch's float32 from its float64"] = ", ".join(
            f"{name} {value:.2e}" for name, value in rounding.items()
        )
    print(write_report(args.out, found, limits, facts))
    if faults:
        raise SystemExit(f"{path} is refused: {'; '.join(faults)}.")


def _megabytes(folder: Path) -> float:
    files = [folder / name for name in _WRITTEN if not name.endswith(".json")]
    return sum(file.stat().st_size for file in files if file.exists()) / 1e6


if __name__ == "__main__":
    main()
