"""A network as an ONNX file: the one door to torch's exporter and to `onnx`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from mmseg_maskformer.core.deformable_attention import plain_gathers

from .network import EXAMPLE_SIZE, ExportableNetwork
from .size_free import size_free

OPSET = 18  # the first whose reductions take axes as an input; OpenVINO reads it
REMEDY = 'pip install "mmsegmentation-maskformer[export]"'
INPUT = "image"


def require(*packages: str) -> None:
    """Check that packages are installed, without importing them.

    Raises:
        ImportError: One is not, or torch is too old; the message says how to get it.
    """
    if not hasattr(torch.export.Dim, "DYNAMIC"):
        raise ImportError(
            f"Export needs torch 2.6 or newer, and this is {torch.__version__}: "
            f"{REMEDY}."
        )
    for name in packages:
        if find_spec(name) is None:
            raise ModuleNotFoundError(
                f"Export needs the package {name}: {REMEDY}.", name=name
            )


def write_onnx(
    network: ExportableNetwork, path: Path, size: tuple[int, int] | None = None
) -> None:
    """Write a network in float32; its input is ``image``, one image (1, 3, H, W).

    Args:
        network: on the CPU.
        path: of the file.
        size: H and W of every image; None for images of any size.

    Raises:
        ImportError: A package is missing or too old.
        RuntimeError: Sizes were to be free, and the graph has fixed ones.
    """
    require("onnx", "onnxscript")
    network.eval()
    image = torch.zeros(1, 3, *(size or EXAMPLE_SIZE))
    any_length = torch.export.Dim.DYNAMIC
    free = None if size else ({2: any_length, 3: any_length},)
    with torch.no_grad(), plain_gathers(), size_free(network.model), _quiet():
        program = torch.onnx.export(
            network,
            (image,),
            dynamo=True,
            dynamic_shapes=free,
            input_names=[INPUT],
            output_names=list(network.output_names),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    sides = list(program.model.graph.inputs[0].shape or ())[2:]
    if size is None and any(isinstance(side, int) for side in sides):
        raise RuntimeError(
            f"torch {torch.__version__} kept {sides} as the only size of images; some "
            "part of the model depends on it. Export with --size HxW."
        )
    program.save(path)


def write_half(source: Path, path: Path) -> None:
    """Write an ONNX file again with numbers of half precision inside.

    Inputs and outputs stay float32. So does what half precision is too coarse or too
    small for: positions of samples and cells, and sums over many cells.

    Raises:
        ModuleNotFoundError: A package is missing.
    """
    require("onnx", "onnxruntime")
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    model = onnx.load(source)
    converted = convert_float_to_float16(
        model,
        keep_io_types=True,
        op_block_list=["CumSum", "Range", "ArgMax", "Einsum", "Resize"],
        node_block_list=_positions(model.graph),
        disable_shape_infer=True,
    )
    _join_float32(converted.graph)
    OnnxModel(converted).topological_sort()  # the converter appends its casts
    onnx.save(converted, path)


def _positions(graph: Any) -> list[str]:
    """Names of the nodes that make positions, and of those that take their fractions.

    They stand between a product with weights, or a size, and a floor, sine or cosine.
    """
    makers = {output: node for node in graph.node for output in node.output}
    ends = [node for node in graph.node if node.op_type in ("Floor", "Sin", "Cos")]
    floors = {node.output[0] for node in ends if node.op_type == "Floor"}
    found = set()
    while ends:
        node = ends.pop()
        if node.name in found or node.op_type in ("MatMul", "Gemm", "Conv", "Shape"):
            continue
        found.add(node.name)
        ends += [makers[name] for name in node.input if name in makers]
    fractions = {node.name for node in graph.node if floors.intersection(node.input)}
    return sorted(found | fractions)


def _join_float32(graph: Any) -> None:
    """Let neighbours in float32 hand on what they have, not its half precision.

    The converter casts what goes into and comes out of each of them.
    """
    halves = {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.name.endswith("_cast_to_fp16_node")
    }
    for node in graph.node:
        if node.op_type == "Cast" and node.attribute[0].i == 1:  # to float32
            node.input[0] = halves.get(node.input[0], node.input[0])


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what the exporter says of its own passes."""
    loggers = [logging.getLogger(name) for name in ("onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
