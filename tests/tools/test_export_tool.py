"""`tools/export.py` where nothing comes of it: a former export stays as it is."""

from __future__ import annotations

import pytest

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
