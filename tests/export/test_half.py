"""What stays float32 in an ONNX file of half precision, in numbers that show it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
from onnx.reference import ReferenceEvaluator

from mmseg_maskformer.export.onnx_file import OPSET, write_half


def in_half(nodes, constants, values, folder):
    """The output ``y`` of a graph of one input ``image``, in half precision.

    Computed as the file says: a runtime may leave out casts.

    Args:
        nodes: (operator, inputs, output, attributes).
        constants: numbers by name.
        values: of ``image``.
        folder: for files.
    """
    image = np.asarray(values, np.float32)
    whole = onnx.TensorProto.FLOAT
    known = {name: np.asarray(x, np.float32) for name, x in constants.items()}
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node(kind, inputs, [output], name=output, **attributes)
            for kind, inputs, output, attributes in nodes
        ],
        "graph",
        [onnx.helper.make_tensor_value_info("image", whole, image.shape)],
        [onnx.helper.make_tensor_value_info("y", whole, None)],
        [onnx.numpy_helper.from_array(x, name) for name, x in known.items()],
    )
    opset = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=10)
    onnx.save(onnx.shape_inference.infer_shapes(model), folder / "float32.onnx")
    write_half(folder / "float32.onnx", folder / "half.onnx")
    half = ReferenceEvaluator(str(folder / "half.onnx"))
    (found,) = half.run(None, dict(image=image))
    return found


def test_positions_keep_their_fractions(tmp_path):
    """Between 512 and 1024 float16 has steps of 1/2: 1000 x + 1/4 has no quarter."""
    nodes = [
        ("Mul", ["image", "size"], "product", {}),
        ("Add", ["product", "offset"], "position", {}),
        ("Floor", ["position"], "cell", {}),
        ("Sub", ["position", "cell"], "y", {}),
    ]
    constants = dict(size=1000, offset=0.25)
    found = in_half(nodes, constants, [0.625, 0.75, 0.875], tmp_path)
    assert found.tolist() == [0.25, 0.25, 0.25]


def test_a_sum_reaches_the_output_as_it_is(tmp_path):
    """Above 2048 float16 has steps of 2: 2048 + 1 has no place."""
    nodes = [("Einsum", ["image", "ones"], "y", dict(equation="i,i->"))]
    assert in_half(nodes, dict(ones=[1, 1]), [2048, 1], tmp_path) == 2049
