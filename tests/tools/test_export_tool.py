"""`tools/export.py` where nothing comes of it: a former export stays as it is."""

from __future__ import annotations

import json
import weakref

import pytest
import torch

import run_exported
from mmseg_maskformer.export.network import ExportableNetwork
from tests.helpers import exported


@pytest.mark.parametrize("fault", ["exporter", "image", "runtime"])
def test_what_fails_leaves_a_former_export(tmp_path, monkeypatch, fault):
    calls = []

    def failing(network, path, size=None):
        calls.append(path)
        path.write_text("half")
        raise RuntimeError("no such operator")

    package = "mmseg_maskformer.export"
    monkeypatch.setattr(f"{package}.onnx_file.write_onnx", failing)
    monkeypatch.setattr(f"{package}.runtimes.runtime_version", str)
    made = exported.make("semantic", False, tmp_path)
    (tmp_path / "images/.a.png").write_text("hidden, and no image")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/model.onnx").write_text("former")
    if fault == "image":
        (tmp_path / "images/more").mkdir()
        (tmp_path / "images/more/z.png").write_text("no image")
    message = dict(
        exporter="^no such operator",
        image=r"cannot identify .*more/z\.png",
        runtime=r"out/model\.onnx is there already, for --backend onnx, .* another fo",
    )
    with pytest.raises(SystemExit, match=message[fault]):
        made.export("--backend", "openvino" if fault == "runtime" else "onnx")
    assert len(calls) == (fault == "exporter")
    assert [x.name for x in (tmp_path / "out").iterdir()] == ["model.onnx"]
    assert (tmp_path / "out/model.onnx").read_text() == "former"


def test_a_new_model_does_not_lie_beside_the_report_of_a_former_one(
    tmp_path, monkeypatch
):
    """The comparison fails, say for lack of memory, after the model is written."""

    def writing(network, path, size=None):
        path.write_text("new")

    def failing(backend, path, threads):
        raise RuntimeError("out of memory")

    package = "mmseg_maskformer.export"
    monkeypatch.setattr(f"{package}.onnx_file.write_onnx", writing)
    monkeypatch.setattr(f"{package}.runtimes.runtime_version", str)
    monkeypatch.setattr(f"{package}.runtimes.open_model", failing)
    made = exported.make("semantic", False, tmp_path)
    (tmp_path / "out").mkdir()
    for name in ("model.onnx", "report.md", "report.json"):
        (tmp_path / "out" / name).write_text("former")
    with pytest.raises(RuntimeError, match=r"^out of memory$"):
        made.export()
    files = {x.name: x.read_text()[:3] for x in (tmp_path / "out").iterdir()}
    assert files == {"model.onnx": "new", "model.json": "{\n "}


def test_images_are_read_when_they_are_compared(tmp_path, monkeypatch):
    """None is kept while the model is traced, and one at a time afterwards."""
    kept = []

    def reading(path, model, read=run_exported.read_image):
        image, size = read(path, model)
        kept.append(weakref.ref(image))
        return image, size

    def number():
        return sum(image() is not None for image in kept)

    def writing(network, path, size=None):
        assert (number(), len(kept)) == (0, 3)
        path.write_text("a model")

    def opened(*_):
        def run(image):
            assert number() == 1
            with torch.no_grad():
                outputs = network(torch.from_numpy(image))
            pairs = zip(network.output_names, outputs, strict=True)
            return {name: x.numpy() for name, x in pairs}

        return run

    made = exported.make("semantic", False, tmp_path)
    network = ExportableNetwork(made.model).eval()
    package = "mmseg_maskformer.export"
    monkeypatch.setattr(run_exported, "read_image", reading)
    monkeypatch.setattr(f"{package}.onnx_file.write_onnx", writing)
    monkeypatch.setattr(f"{package}.runtimes.runtime_version", str)
    monkeypatch.setattr(f"{package}.runtimes.open_model", opened)
    report = made.export("--images", tmp_path / "images", made.images[0])
    images = json.loads((report / "report.json").read_text())["images"]
    assert [image["name"] for image in images] == ["a.png", "b.png", "c.png"]
    assert {image["equal"]["semantic"] / image["pixels"] for image in images} == {1}
