"""The predictor gives what tools/test.py gives; files, arrays, batches, videos."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmseg_maskformer.engine.launch import read_config, untrained_model
from mmseg_maskformer.inference import Predictor
from tests.conftest import REPOSITORY
from tests.scripts import run_script

SCENES = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"
NUCLEI = REPOSITORY / "configs/mask2former/mask2former_r18_1xb4-5k_dsb2018-panoptic.py"
KEEP_ALL = dict(object_mask_thr=0.0, iou_thr=0.0)  # of weights as they are drawn


def weights(config, folder, overrides=None):
    torch.manual_seed(0)
    model = untrained_model(read_config(str(config), overrides or {}))
    torch.save(dict(state_dict=model.state_dict()), folder / "weights.pth")
    return folder / "weights.pth"


@pytest.fixture
def images(tmp_path):
    """Three photos of noise, one of another size, in two folders."""
    rng = np.random.default_rng(0)
    paths = []
    for name, size in (("a/0", (64, 64)), ("a/1", (64, 96)), ("b/0", (64, 64))):
        path = tmp_path / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize(size[::-1]).save(path)
        paths.append(path)
    return paths


def labels(found):
    return found.sample.pred_sem_seg.data[0].numpy()


def test_files_arrays_and_batches_are_alike(images, tmp_path):
    predictor = Predictor(SCENES, weights(SCENES, tmp_path), device="cpu")
    alone = list(predictor(images))
    assert [labels(x).shape for x in alone] == [(64, 64), (64, 96), (64, 64)]
    together = predictor([str(x) for x in images], batch_size=3)
    arrays = predictor([cv2.imread(str(x)) for x in images], batch_size=2)
    for one, other, third in zip(alone, together, arrays, strict=True):
        assert (labels(one) == labels(third)).mean() > 0.999
        assert (labels(one) == labels(other)).mean() > 0.999
    (single,) = predictor(images[0])
    np.testing.assert_array_equal(labels(single), labels(alone[0]))
    # small images are enlarged to 384 pixels; unpainted colours are the image's
    picture = single.picture()
    assert picture.shape == (384, 384, 3)
    classes = np.unique(labels(single))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) >= len(classes)


def test_what_cannot_be_read_is_named_and_the_rest_is_predicted(
    images, tmp_path, monkeypatch, capsys
):
    (tmp_path / "images/a/1.png").write_bytes(b"no image")
    path = weights(SCENES, tmp_path)
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        run_script(
            monkeypatch, "predict.py", SCENES, path, tmp_path / "images", "--out", out
        )
    assert ended.value.code == 1
    assert f"Left out: The image {images[1]}" in capsys.readouterr().err
    found = {str(x.relative_to(out)) for x in out.rglob("*.png")}
    assert found == {"a/0.png", "b/0.png", "pictures/a/0.png", "pictures/b/0.png"}
    predicted = labels(next(Predictor(SCENES, path)(images[2])))
    np.testing.assert_array_equal(Image.open(out / "b/0.png"), predicted)


def test_inputs_that_name_nothing_are_an_error(tmp_path, monkeypatch):
    path = weights(SCENES, tmp_path)
    with pytest.raises(SystemExit, match=r"nowhere/\*.png: there is no image"):
        run_script(monkeypatch, "predict.py", SCENES, path, "nowhere/*.png")


def test_a_video_is_painted_frame_by_frame(images, tmp_path, monkeypatch):
    code = cv2.VideoWriter.fourcc(*"mp4v")
    video = cv2.VideoWriter(str(tmp_path / "film.mp4"), code, 5.0, (64, 64))
    for path in (images[0], images[2], images[0]):
        video.write(cv2.imread(str(path)))
    video.release()
    path, out = weights(SCENES, tmp_path), tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        run_script(
            monkeypatch, "predict.py", SCENES, path, tmp_path / "film.mp4", "--out", out
        )
    assert not ended.value.code
    painted = cv2.VideoCapture(str(out / "film.mp4"))
    frames = []
    while (read := painted.read())[0]:
        frames.append(read[1].astype(int))
    assert [frame.shape for frame in frames] == [(384, 384, 3)] * 3
    # the first and the third show the same, the second another
    near, far = (np.abs(frames[0] - frames[k]).mean() for k in (2, 1))
    assert near < far / 2


@pytest.mark.mmdet
def test_panoptic_and_instance_files_equal_those_of_the_test(
    shared_data, tmp_path, monkeypatch
):
    """Two nuclei images; ids of images differ, since no annotation file is read."""
    data = shared_data / "dsb2018"
    content = json.loads((data / "panoptic_val.json").read_text())
    content["images"] = sorted(content["images"], key=lambda x: x["file_name"])[:2]
    ids = {x["id"]: x["file_name"] for x in content["images"]}
    content["annotations"] = [x for x in content["annotations"] if x["image_id"] in ids]
    (tmp_path / "two.json").write_text(json.dumps(content))
    overrides = {f"model.test_cfg.{key}": value for key, value in KEEP_ALL.items()}
    path = weights(NUCLEI, tmp_path, overrides)
    options = [f"{key}={value}" for key, value in overrides.items()]
    rest = ["--work-dir", tmp_path / "work", "--format-only", "--cfg-options", *options]
    rest.append(f"test_dataloader.dataset.ann_file={tmp_path / 'two.json'}")
    rest.append(f"test_dataloader.dataset.data_root={data}")
    run_script(
        monkeypatch, "test.py", NUCLEI, path, "--out", tmp_path / "wanted", *rest
    )
    inputs = [data / "images/val" / name for name in ids.values()]
    out = ["--out", tmp_path / "found", "--no-pictures", "--cfg-options", *options]
    with pytest.raises(SystemExit) as ended:
        run_script(monkeypatch, "predict.py", NUCLEI, path, *inputs, *out)
    assert not ended.value.code
    for kind in ("panoptic", "semantic"):
        for name in ids.values():
            file = f"{kind}/{name.replace('.jpg', '.png')}"
            wanted, found = (tmp_path / x / file for x in ("wanted", "found"))
            np.testing.assert_array_equal(Image.open(found), Image.open(wanted))
    wanted, found = (
        json.loads((tmp_path / x / "instances.json").read_text())
        for x in ("wanted", "found")
    )
    places = {number: place for place, number in enumerate(ids, start=1)}
    for row in wanted:
        row["image_id"] = places[row["image_id"]]
        row["category_id"] = 0  # without a file a category is its class
    assert found == wanted
