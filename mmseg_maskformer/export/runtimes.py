"""Exported models at work: one class for each runtime, imported where it is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .onnx_file import INPUT, require

Run = Callable[[np.ndarray], dict[str, np.ndarray]]

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}


def open_model(backend: str, path: Path, threads: int) -> Run:
    """What runs a file on the CPU: an image (1, C, H, W) float32 to outputs by name.

    Args:
        backend: "onnx" or "openvino".
        path: of the file.
        threads: to compute with.

    Raises:
        ModuleNotFoundError: The runtime is not installed.
    """
    return dict(onnx=_onnx_runtime, openvino=_openvino)[backend](path, threads)


def runtime_version(backend: str) -> str:
    """Name and version of the runtime.

    Raises:
        ModuleNotFoundError: The runtime is not installed.
    """
    if backend == "onnx":
        require("onnxruntime")
        import onnxruntime

        return f"ONNX Runtime {onnxruntime.__version__}"
    require("openvino")
    import openvino

    return f"OpenVINO {openvino.__version__.partition('-')[0]}"


def write_openvino(source: Path, path: Path, half: bool) -> None:
    """Write an ONNX file in OpenVINO's format, ``path`` and weights beside it.

    Args:
        source: ONNX file in float32.
        path: of the ``.xml`` file.
        half: store weights in half precision, which halves the file.

    Raises:
        ModuleNotFoundError: OpenVINO is not installed.
    """
    require("openvino")
    import openvino

    openvino.save_model(openvino.convert_model(source), path, compress_to_fp16=half)


def _onnx_runtime(path: Path, threads: int) -> Run:
    require("onnxruntime")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]

    def run(image: np.ndarray) -> dict[str, np.ndarray]:
        found = session.run(names, {INPUT: image})
        return dict(zip(names, found, strict=True))

    return run


def _openvino(path: Path, threads: int) -> Run:
    require("openvino")
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", settings)

    def run(image: np.ndarray) -> dict[str, np.ndarray]:
        found = compiled(image)
        return {x.get_any_name(): found[x].copy() for x in compiled.outputs}

    return run
