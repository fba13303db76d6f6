"""tools/predict.py writes what tools/test.py writes, of any images, and videos."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from mmseg_maskformer.adapters.head import NanPredictionError
from mmseg_maskformer.inference import Predictor
from predict_lib.inputs import files_of
from tests.conftest import REPOSITORY
from tests.helpers.inference import (
    PANOPTIC,
    SCENES,
    files_below,
    write_images,
    write_weights,
)
from tests.scripts import run_script

NUCLEI = REPOSITORY / "configs/mask2former/mask2former_r18_1xb4-5k_dsb2018-panoptic.py"
IN_PROCESS = ["test_dataloader.num_workers=0", "test_dataloader.persistent_workers=0"]
DECODER = "model.decode_head.network.transformer_decoder"
SMALL = {  # and everything is kept, of weights as they are drawn
    "model.test_cfg.object_mask_thr": 0.0,
    "model.test_cfg.iou_thr": 0.0,
    f"{DECODER}.num_layers": 3,
    f"{DECODER}.num_queries": 20,
}


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path / "images")


@pytest.fixture
def scenes(tmp_path):
    """The semantic model of scenes, and its weights."""
    return SCENES, write_weights(tmp_path)


def test_linked_folders_are_read_once(images, tmp_path):
    (tmp_path / "images/b/loop").symlink_to(tmp_path / "images")
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a", "a again", "b"):
        (photos / name).symlink_to(tmp_path / "images" / name[0])
    found = files_of([str(photos)], tmp_path / "out")
    assert found == [photos / x for x in ("a/0.png", "a/1.png", "b/0.png")]


def test_inputs(images, tmp_path, monkeypatch):
    """Folders, patterns and names, each file once; results are no inputs."""
    a0, a1, b0 = images
    (tmp_path / "images/notes.txt").touch()
    (tmp_path / "images/c").mkdir()
    (tmp_path / "images/.checkpoints").mkdir()
    for hidden in (".checkpoints/0.png", "._0.png"):
        (tmp_path / "images" / hidden).touch()
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "images/predictions"
    folder = files_of(["images"], out)
    assert [x.resolve() for x in folder] == images
    mixed = files_of(
        ["images/b/0.png", "images/*", str(a1), "images/a/../b/0.png"], out
    )
    assert [x.resolve() for x in mixed] == [b0, a0, a1]
    (out / "pictures").mkdir(parents=True)
    (out / "0.png").touch()
    assert files_of(["images", "images/**/*.png"], out) == folder
    for inside in ("images", "images/a", "images/a/0.png"):
        with pytest.raises(SystemExit, match="results could replace it"):
            files_of([inside], tmp_path / "images")
    for nothing in ("nowhere.png", "nowhere/*.png", "images/c", "images/*.txt"):
        with pytest.raises(SystemExit, match="there is no image or video"):
            files_of([nothing], out)


def test_what_cannot_be_read_is_named_and_the_rest_is_predicted(
    images, scenes, tmp_path, monkeypatch, capsys
):
    """An empty file, one of numbers that no image has, one too thin to be resized."""
    images[1].write_bytes(b"")
    Image.new("RGB", (3000, 1)).save(tmp_path / "images/thin.png")
    cv2.imwrite(str(tmp_path / "images/b/1.tif"), np.zeros((8, 8), np.float32))
    out, inputs = tmp_path / "out", tmp_path / "images"
    steps = [dict(type="Resize", scale=(96, 64), keep_ratio=True)]
    steps.append(dict(type="PackSegInputs"))
    config, dataset = tmp_path / "config.py", dict(pipeline=steps)
    config.write_text(f"_base_ = '{SCENES}'\ntest_dataloader = dict(dataset={dataset})")
    scenes = config, scenes[1]
    with pytest.raises(SystemExit, match=r"3 of 5 files were left out\."):
        run_script(monkeypatch, "predict.py", *scenes, inputs, "--out", out)
    told = capsys.readouterr().err
    assert f"Left out: The image {images[1]}" in told
    assert "b/1.tif has numbers of type float32" in told
    assert "images/thin.png has 1 x 3000 pixels (height x width), which the tr" in told
    names = {"a/0.png", "b/0.png"}
    assert files_below(out) == names | {f"pictures/{x}" for x in names}
    (found,) = Predictor(*scenes)(images[2])
    predicted = found.result("semantic").data[0]
    np.testing.assert_array_equal(Image.open(out / "b/0.png"), predicted)


def test_what_comes_out_as_nan_is_left_out(
    images, scenes, tmp_path, monkeypatch, capsys
):
    given, wrong = Predictor.predict, str(images[1])

    def predict(self, loaded):
        if wrong in [x.packed["data_samples"].img_path for x in loaded]:
            raise NanPredictionError(f"NaN for {wrong}")
        return given(self, loaded)

    monkeypatch.setattr(Predictor, "predict", predict)
    out = tmp_path / "out"
    rest = [*images, "--out", out, "--no-pictures", "--batch-size", 3]
    with pytest.raises(SystemExit, match=r"1 of 3 files were left out\."):
        run_script(monkeypatch, "predict.py", *scenes, *rest)
    assert f"Left out: NaN for {wrong}" in capsys.readouterr().err
    assert files_below(out) == {"a/0.png", "b/0.png"}


@pytest.mark.mmdet
@pytest.mark.parametrize(
    ("error", "ends"), [(KeyboardInterrupt, SystemExit), (MemoryError, MemoryError)]
)
def test_what_is_done_is_written_where_it_ends_early(
    images, tmp_path, monkeypatch, capsys, error, ends
):
    given, calls = Predictor.predict, iter("ab")

    def predict(self, loaded):
        if next(calls, None):
            return given(self, loaded)
        raise error

    monkeypatch.setattr(Predictor, "predict", predict)
    weights, out = write_weights(tmp_path, PANOPTIC), tmp_path / "out"
    rest = ["--out", out, "--cfg-options", "model.test_cfg.instance_on=True"]
    with pytest.raises(ends):
        run_script(monkeypatch, "predict.py", PANOPTIC, weights, *images, *rest)
    assert "with results of 2 of 3 images." in capsys.readouterr().err
    for name in ("panoptic.json", "annotations.json"):
        assert len(json.loads((out / name).read_text())["images"]) == 2
    rows = json.loads((out / "instances.json").read_text())
    assert {row["image_id"] for row in rows} == {1, 2}


def test_confidence_of_every_pixel(images, scenes, tmp_path, monkeypatch):
    """Twelve classes: none can be sure below 255 / 12 = 21.25."""
    out = tmp_path / "out"
    options = ["--out", out, "--uncertainty", "--no-pictures"]
    run_script(monkeypatch, "predict.py", *scenes, images[1], *options)
    assert files_below(out) == {"1.png", "confidence/1.png"}
    found = np.array(Image.open(out / "confidence/1.png"))
    overrides = {"model.test_cfg.uncertainty": True}
    (wanted,) = Predictor(*scenes, overrides=overrides)(images[1])
    np.testing.assert_allclose(found, 255 * wanted.confidence(), atol=0.501)
    assert found.min() >= 21


def test_a_task_that_the_model_lacks_ends_it(images, scenes, tmp_path, monkeypatch):
    rest = ["--out", tmp_path / "out", "--task", "instance"]
    with pytest.raises(SystemExit, match=r"no instance result; it makes \['semantic'"):
        run_script(monkeypatch, "predict.py", *scenes, images[0], *rest)
    assert files_below(tmp_path / "out") == set()


TWELVE = dict(
    type="BaseSegDataset", metainfo=dict(classes=[f"class {k}" for k in range(12)])
)
DATASETS = {
    "from 0": TWELVE,
    "from 1": dict(TWELVE, reduce_zero_label=True),
    "gaps": dict(type="mmseg_maskformer.CCPDataset"),  # no label 12
}


@pytest.mark.parametrize("name", DATASETS)
def test_label_maps_equal_those_of_the_test(images, tmp_path, monkeypatch, name):
    """Values are those of the data set's label maps: from 1 where 0 is void."""
    dataset = dict(
        DATASETS[name],
        _delete_=True,
        img_suffix=".png",
        data_root=str(tmp_path),
        data_prefix=dict(img_path="images"),
        pipeline=[dict(type="mmseg_maskformer.LoadImage"), dict(type="PackSegInputs")],
    )
    config = tmp_path / "folder.py"
    test = f"test_dataloader = dict(dataset={dataset})"
    number = 55 if name == "gaps" else 12
    model = f"model = dict(decode_head=dict(num_classes={number}))"
    config.write_text(f"_base_ = {str(SCENES)!r}\n{test}\n{model}\n")
    weights = write_weights(tmp_path, config)
    work = tmp_path / "work"
    rest = ["--format-only", "--work-dir", work, "--cfg-options", *IN_PROCESS]
    rest.append(f"visualizer.name=of_{number}_{name[-1]}")  # one a process
    wanted, found = tmp_path / "wanted", tmp_path / "found"
    run_script(monkeypatch, "test.py", config, weights, "--out", wanted, *rest)
    rest = ["--no-pictures", "--out", found]
    inputs = tmp_path / "images"
    run_script(monkeypatch, "predict.py", config, weights, inputs, *rest)
    names = {"a/0.png", "a/1.png", "b/0.png"}
    assert files_below(found) == files_below(wanted) == names
    for file in names:
        values = np.array(Image.open(found / file))
        np.testing.assert_array_equal(values, Image.open(wanted / file))
        assert len(np.unique(values)) > 1


@pytest.mark.mmdet
def test_panoptic_and_instance_files_equal_those_of_the_test(
    shared_data, tmp_path, monkeypatch
):
    """Two nuclei images; ids of images differ, since no annotation file is read."""
    from pycocotools.coco import COCO

    data = shared_data / "dsb2018"
    content = json.loads((data / "panoptic_val.json").read_text())
    content["images"] = sorted(content["images"], key=lambda x: x["file_name"])[:2]
    ids = {x["id"]: x["file_name"] for x in content["images"]}
    content["annotations"] = [x for x in content["annotations"] if x["image_id"] in ids]
    (tmp_path / "two.json").write_text(json.dumps(content))
    path = write_weights(tmp_path, NUCLEI, SMALL)
    options = [f"{key}={value}" for key, value in SMALL.items()]
    rest = ["--work-dir", tmp_path / "work", "--format-only", "--cfg-options", *options]
    rest.append(f"test_dataloader.dataset.ann_file={tmp_path / 'two.json'}")
    rest.append(f"test_dataloader.dataset.data_root={data}")
    rest += IN_PROCESS
    wanted, found = tmp_path / "wanted", tmp_path / "found"
    run_script(monkeypatch, "test.py", NUCLEI, path, "--out", wanted, *rest)
    inputs = [data / "images/val" / name for name in ids.values()]
    rest = ["--out", found, "--no-pictures", "--cfg-options", *options]
    run_script(monkeypatch, "predict.py", NUCLEI, path, *inputs, *rest)
    for kind in ("panoptic", "semantic"):
        for name in ids.values():
            file = f"{kind}/{name.replace('.jpg', '.png')}"
            values = np.array(Image.open(found / file))
            np.testing.assert_array_equal(values, Image.open(wanted / file))
            assert len(np.unique(values)) > 1
    rows = json.loads((wanted / "instances.json").read_text())
    places = {number: place for place, number in enumerate(ids, start=1)}
    for row in rows:
        row["image_id"] = places[row["image_id"]]
        row["category_id"] = 1  # without a file it is the place of the class
    assert json.loads((found / "instances.json").read_text()) == rows
    listed = COCO(found / "annotations.json")
    assert len(listed.loadRes(str(found / "instances.json")).anns) == len(rows) > 0
    assert [x["file_name"] for x in listed.dataset["images"]] == list(ids.values())
    assert [x["name"] for x in listed.dataset["categories"]] == ["nucleus"]
    assert len(listed.anns) == sum(row["score"] >= 0.5 for row in rows)


@pytest.mark.parametrize(
    ("former", "given", "without"),
    [
        ("pictures/1.png", "images/a/1.png", "--no-pictures"),
        ("confidence/1.png", "images/a/1.png", None),
        ("pictures/film.mp4", "film.mp4", "--force"),
    ],
)
def test_nothing_is_painted_over_without_force(
    images, scenes, tmp_path, monkeypatch, former, given, without
):
    """Films neither; what does not come over a file is no reason."""
    (tmp_path / "film.mp4").write_bytes(b"no video")
    there = tmp_path / "out" / former
    there.parent.mkdir(parents=True)
    there.write_text("mine")
    asked = ["predict.py", *scenes, tmp_path / given, "--out", tmp_path / "out"]
    options = ["--uncertainty"] if former.startswith("confidence") else []
    with pytest.raises(SystemExit, match=rf"{former} is there already, .*--force"):
        run_script(monkeypatch, *asked, *options)
    assert there.read_text() == "mine"
    assert files_below(tmp_path / "out") == {former}
    if without == "--force":
        with pytest.raises(SystemExit, match="1 of 1 files were left out"):
            run_script(monkeypatch, *asked, without)
    else:
        run_script(monkeypatch, *asked, *filter(None, [without]))
        assert (tmp_path / "out/1.png").is_file()
