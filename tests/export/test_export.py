"""`tools/export.py` with ONNX Runtime, and the script that runs its file."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import torch

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

import onnx

import run_exported
from mmseg_maskformer.core.resize import resize_nearest
from mmseg_maskformer.export.network import ExportableNetwork
from mmseg_maskformer.export.onnx_file import write_half
from mmseg_maskformer.export.runtimes import open_model, write_openvino
from tests.helpers import exported

pytestmark = pytest.mark.slow
SIZES = [(33, 47), (64, 96), (131, 97)]
CASES = {
    "maskformer-semantic": ("semantic", False),
    "mask2former-panoptic": ("panoptic", True),
}


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    task, masked = CASES[request.param]
    if task == "panoptic":
        pytest.importorskip("mmdet")
    made = exported.make(task, masked, tmp_path_factory.mktemp(request.param))
    made.export()
    return made


def test_labels_and_logits_of_three_images_are_equal(case):
    report = json.loads((case.folder / "out/report.json").read_text())
    sizes = [tuple(image["size"]) for image in report["images"]]
    assert sizes == [(96, 137), (48, 160), (144, 96)]
    assert report["passed"]
    written = {path.name for path in (case.folder / "out").iterdir()}
    assert {"model.onnx", "model.json"} < written
    assert min(report["equal_labels"].values()) >= 0.999
    assert max(report["largest_difference"].values()) < 1e-3
    most = {
        name: max(image["kinds"][name] for image in report["images"])
        for name in report["equal_labels"]
    }
    assert min(most.values()) >= 2  # or equality would say little


def largest_difference(case, run, size):
    """Of all logits of an image of noise, from PyTorch's."""
    image = 255 * torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    found = run(image.numpy())
    with torch.no_grad():
        wanted = ExportableNetwork(case.model)(image)
    pairs = zip(found.values(), wanted, strict=True)
    return max(abs(torch.from_numpy(x) - y).max() for x, y in pairs)


@pytest.mark.parametrize("size", SIZES)
def test_any_size_is_taken(case, size):
    run = open_model("onnx", case.folder / "out/model.onnx", threads=1)
    assert largest_difference(case, run, size) < 1e-3


def test_half_precision_keeps_its_inputs_and_labels(case):
    path = case.folder / "half.onnx"
    write_half(case.folder / "out/model.onnx", path)
    full = (case.folder / "out/model.onnx").stat().st_size
    assert path.stat().st_size < 0.85 * full  # most of it is the graph
    image = 255 * np.random.default_rng(0).random((1, 3, 75, 107), np.float32)
    wanted = open_model("onnx", case.folder / "out/model.onnx", threads=1)(image)
    found = open_model("onnx", path, threads=1)(image)
    assert all(np.isfinite(x).all() for x in found.values())
    if "mask2former" in str(case.folder):
        return  # a bit of a mask that turns is another prediction
    for name, x in wanted.items():  # float16 has steps of 1/1024
        assert abs(found[name] - x).max() < 0.05 * abs(x).max()


def test_openvino_gives_the_same(case):
    pytest.importorskip("openvino")
    path = case.folder / "model.xml"
    write_openvino(case.folder / "out/model.onnx", path, half=False)
    run = open_model("openvino", path, threads=1)
    for size in ((33, 47), (75, 107), (64, 96)):
        image = 255 * torch.rand(
            1, 3, *size, generator=torch.Generator().manual_seed(1)
        )
        with torch.no_grad():
            wanted = ExportableNetwork(case.model)(image)
        for x, y in zip(run(image.numpy()).values(), wanted, strict=True):
            assert abs(torch.from_numpy(x) - y).max() < 1e-3


def test_no_operator_samples(case):
    """Runtimes fuse it wrongly."""
    graph = onnx.load(case.folder / "out/model.onnx").graph
    assert "GridSample" not in {node.op_type for node in graph.node}


def host_results(case, path):
    """What the host's inference gives for a file, by the names of the script."""
    if "semantic" in str(case.folder):
        from mmseg.apis import inference_model

        found = inference_model(case.model, str(path))
        return dict(semantic=found.pred_sem_seg.data[0])
    from mmdet.apis import inference_detector

    found = inference_detector(case.model, str(path))
    objects = found.pred_instances
    return dict(
        semantic=found.pred_sem_seg.sem_seg[0],
        panoptic=found.pred_panoptic_seg.sem_seg[0],
        masks=objects.masks,
        labels=objects.labels,
        scores=objects.scores,
    )


def run_without_torch(monkeypatch, case, images):
    """The folder of the script's results."""
    arguments = [case.folder / "out", *images, "--out", case.folder / "results"]
    monkeypatch.setattr("sys.argv", ["x", *map(str, arguments)])
    run_exported.main()
    return case.folder / "results"


def test_the_script_without_torch_gives_the_hosts_results(case, monkeypatch):
    out = run_without_torch(monkeypatch, case, case.images)
    for path in case.images:
        found, wanted = np.load(out / f"{path.stem}.npz"), host_results(case, path)
        assert set(found) == set(wanted)
        for name, x in wanted.items():
            assert found[name].shape == tuple(x.shape)
            if name == "scores":
                assert abs(found[name] - x.numpy()).max() < 1e-4
            else:
                assert (found[name] == x.numpy()).mean() >= 0.999


def test_labels_of_one_size(tmp_path, monkeypatch):
    made = exported.make("semantic", False, tmp_path)
    report = made.export("--labels", "--size", "64x96") / "report.json"
    images = json.loads(report.read_text())["images"]
    assert [image["size"] for image in images] == [[64, 96]] * 3
    assert sum(image["equal"]["semantic"] for image in images) >= 0.999 * 3 * 64 * 96
    assert max(image["kinds"]["semantic"] for image in images) >= 2
    run = open_model("onnx", made.folder / "out/model.onnx", threads=1)
    description = json.loads((made.folder / "out/model.json").read_text())
    path = made.images[0]
    labels = run(run_exported.read_image(path, description)[0])["labels"]
    out = run_without_torch(monkeypatch, made, [path])
    found = dict(np.load(out / f"{path.stem}.npz"))
    wanted = resize_nearest(torch.from_numpy(labels), (75, 107))[0]
    assert list(found) == ["semantic"]
    assert np.array_equal(found["semantic"], wanted)


def test_a_broken_export_is_refused(case, monkeypatch):
    """One weight of the class head is off by 0.01, which no label may show."""

    def broken(network, path, size=None):
        model = onnx.load(case.folder / "out/model.onnx")
        (bias,) = (x for x in model.graph.initializer if "class_head.bias" in x.name)
        values = onnx.numpy_helper.to_array(bias).copy()
        values[0] += 0.01
        bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
        onnx.save(model, path)

    monkeypatch.setattr("mmseg_maskformer.export.onnx_file.write_onnx", broken)
    kept = case.folder / "kept"
    shutil.copytree(case.folder / "out", kept, dirs_exist_ok=True)
    with pytest.raises(SystemExit, match=r"class_logits differ by 1\.00e-02, above 1e"):
        case.export()
    report = json.loads((case.folder / "out/report.json").read_text())
    assert not report["passed"]
    rounding = report["facts"]["PyTorch's float32 from its float64"]
    assert re.fullmatch(r"class_logits \S+e-0[4-6], mask_logits \S+e-0[4-6]", rounding)
    shutil.copytree(kept, case.folder / "out", dirs_exist_ok=True)
