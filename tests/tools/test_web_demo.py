"""What the page of tools/web_demo.py shows, as numbers; no page is served."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from PIL import Image

from mmseg_maskformer.adapters.options import PredictionOptions
from mmseg_maskformer.adapters.panoptic_options import PanopticOptions
from mmseg_maskformer.core.structures import ImageLogits
from mmseg_maskformer.core.tiling import Placement
from mmseg_maskformer.engine.config_files import read_config
from mmseg_maskformer.engine.models import untrained_model
from mmseg_maskformer.inference import TASKS, Found, Loaded, Predictor
from tests.conftest import REPOSITORY
from tests.helpers.inference import PANOPTIC, SCENES, noise, write_weights
from tests.scripts import run_script
from web_demo_lib.explorer import (
    Explorer,
    QueryHere,
    Seen,
    images_below,
    instance_rows,
    segment_rows,
    thresholds_of,
)

PER_PIXEL = (
    REPOSITORY / "configs/per_pixel_baseline"
    "/per_pixel_baseline_plus_r18_1xb4-4k_camvid-256x256.py"
)
META = dict(classes=("a", "b", "c"), palette=[[200, 0, 0], [0, 200, 0], [0, 0, 200]])


@pytest.fixture(scope="module")
def explorer(tmp_path_factory):
    """A semantic model of scenes."""
    weights = write_weights(tmp_path_factory.mktemp("scenes"), pixels=noise(64, 96, 1))
    return Explorer(Predictor(SCENES, weights, device="cpu"))


def model(options, **numbers):
    return SimpleNamespace(prediction_options=lambda: options, **numbers)


def test_thresholds_are_those_that_the_rule_has():
    semantic, general, iterative = (
        thresholds_of(model(PredictionOptions(semantic_rule=rule, iou_thr=0.4)))
        for rule in ("semantic", "general", "iterative")
    )
    assert semantic == dict(semantic={})
    assert general == dict(semantic=dict(object_mask_thr=0.3))
    assert iterative == dict(semantic=dict(iou_thr=0.4))


def test_tasks_are_those_that_a_model_is_for():
    """All three of things and stuff; of things alone what is switched on."""
    off = dict(panoptic_on=False, semantic_on=False)
    numbers = dict(num_things_classes=2, num_stuff_classes=1)
    found = thresholds_of(model(PanopticOptions(**off, score_thr=0.05), **numbers))
    assert found == dict(
        panoptic=dict(object_mask_thr=0.8, iou_thr=0.8),
        instance=dict(score_thr=0.05),
        semantic={},
    )
    found = thresholds_of(
        model(PanopticOptions.read(dict(panoptic_rule="detr")), **numbers)
    )
    assert found["panoptic"] == dict(object_mask_thr=0.85)
    numbers["num_stuff_classes"] = 0
    found = thresholds_of(model(PanopticOptions(**off), **numbers))
    assert found == dict(instance=dict(score_thr=0.5))  # as in tools/predict.py


def test_tables_count_segments_pixels_and_objects():
    """A map of 10 pixels: two objects of class 1 with 4, class 2 with 5, void 1."""
    encoded = torch.tensor([[1001, 1001, 1001, 2001, 2], [2, 2, 2, 2, 3]])
    labels = torch.where(encoded == 3, 255, encoded % 1000)
    objects = InstanceData(
        labels=torch.tensor([1, 0, 1]), scores=torch.tensor([0.9, 0.954, 0.7])
    )
    sample = BaseDataElement(
        pred_panoptic_seg=PixelData(sem_seg=encoded[None]),
        pred_sem_seg=PixelData(data=labels[None]),
        pred_instances=objects,
    )
    found = Found(sample, np.zeros((2, 5, 3), np.uint8), META)
    panoptic = [["c", 1, 5, 50.0], ["b", 2, 4, 40.0], ["void", 0, 1, 10.0]]
    assert segment_rows(found, "panoptic") == panoptic
    assert segment_rows(found, "semantic") == [[x, y, z] for x, _, y, z in panoptic]
    assert instance_rows(found, "instance") == [["a", 1, 0.95], ["b", 2, 0.9]]


def said(class_probs, masks):
    """An image of 2 x 4 grey pixels, and queries with these probabilities there."""
    probs = torch.zeros(len(class_probs), 13)
    for row, (label, prob) in zip(probs, class_probs, strict=True):
        row[label], row[12] = prob, 1 - prob
    placement = Placement.whole((2, 4))
    logits = ImageLogits(probs.log(), torch.tensor(masks).logit(), placement)
    return Seen(Loaded(np.full((2, 4, 3), 100, np.uint8), {}), logits)


def test_queries_at_a_pixel_by_what_they_compete_with(explorer):
    """0.6 * 0.9 = 0.54 and 0.8 * 0.6 = 0.48; a mask below 1/2 where no other is."""
    flat = [[0.1, 0.1, 0.1, 0.1]] * 2
    masks = [[[0.1, 0.1, 0.6, 0.1], flat[0]], [[0.1, 0.1, 0.9, 0.1], flat[0]]]
    masks.append([[0.1, 0.1, 0.4, 0.1], [0.1, 0.3, 0.1, 0.1]])
    seen = said([(5, 0.8), (2, 0.6), (7, 0.9)], masks)

    def at(column, row):
        here = explorer.queries_at(seen, column, row)
        return [
            (x.query, x.label, pytest.approx(x[2]), pytest.approx(x[3])) for x in here
        ]

    assert at(2, 0) == [(1, 2, 0.6, 0.9), (0, 5, 0.8, 0.6)]
    assert at(1, 1) == [(2, 7, 0.9, 0.3)]
    text = QueryHere(1, 2, 0.6, 0.9).text(META["classes"])
    assert text == "query 1: c 0.60, mask 0.90"


def test_places_of_pictures_are_pixels_of_images(explorer):
    """2 x 4 pixels are shown as 384 x 768: each is 192 pixels wide."""
    seen = said([(5, 0.8)], [[[0.5] * 4] * 2])
    assert explorer.pixel(seen, 191, 0) == (0, 0)
    assert explorer.pixel(seen, 192, 383) == (1, 1)
    assert explorer.pixel(seen, 767, 191) == (3, 0)


def test_a_mask_is_painted_as_far_as_it_is_likely(explorer):
    """Over grey of 100, 0.65 of the colour where it is sure: 35 + 0.65 * colour."""
    left = [[0.9999999, 0.9999999, 1e-7, 1e-7]] * 2
    picture = explorer.mask(said([(5, 0.8)], [left]), 0)
    colour = np.array(explorer.predictor.meta["palette"][5])
    assert picture.shape == (384, 768, 3)
    np.testing.assert_allclose(picture[190, 5], 35 + 0.65 * colour, atol=0.51)
    assert picture[190, -5].tolist() == [100, 100, 100]


@pytest.mark.parametrize("kind", ["grey", "alpha", "sixteen bits", "tiff"])
def test_files_are_read_as_everywhere(explorer, tmp_path, kind):
    pixels = noise(64, 96, 1)
    deep = pixels.astype(np.uint16) * 256 + 77
    alpha = np.dstack([pixels, noise(64, 96, 2)[..., :1]])
    contents = {
        "grey": pixels[..., 0],
        "alpha": alpha,
        "sixteen bits": deep,
        "tiff": deep,
    }
    path = tmp_path / ("image.tif" if kind == "tiff" else "image.png")
    cv2.imwrite(str(path), contents[kind])
    seen = explorer.see(path)
    (wanted,) = explorer.predictor(path)
    encoded = explorer.found(seen, "semantic", {}).encoded("semantic")
    np.testing.assert_array_equal(encoded, wanted.encoded("semantic"))
    view = explorer.view(seen, "semantic", {})
    np.testing.assert_array_equal(view.picture, wanted.picture())
    assert sum(row[1] for row in view.rows) == 64 * 96
    assert explorer.thumbnail(path).size == (96, 64)


def test_what_is_no_image_or_too_large_is_named(explorer, tmp_path, monkeypatch):
    path = tmp_path / "image.png"
    path.write_bytes(b"no image")
    with pytest.raises(OSError, match=r"image\.png cannot be read"):
        explorer.see(path)
    text = r"image\.png is too large .*%s.* up to 4096 pixels.*tools/predict\.py"
    Image.new("L", (4097, 8)).save(path)
    with pytest.raises(ValueError, match=text % "4097 x 8 pixels"):
        explorer.see(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow opens twice as many
    with pytest.raises(ValueError, match=text % "32776 pixels"):
        explorer.see(path)


def test_models_that_cannot_be_explored_are_refused(explorer):
    with pytest.raises(ValueError, match="Linear is no model of this package"):
        Explorer(SimpleNamespace(model=torch.nn.Linear(1, 1)))
    head = explorer.predictor.model.decode_head
    of_the_host = SimpleNamespace(decode_head=head)
    with pytest.raises(ValueError, match="SimpleNamespace is no model of this package"):
        Explorer(SimpleNamespace(model=of_the_host))
    windows = PredictionOptions(mode="slide", crop_size=(8, 8), stride=(8, 8))
    given = SimpleNamespace(decode_head=head, prediction_options=lambda: windows)
    with pytest.raises(ValueError, match=r"mode='slide'.*test_cfg\.mode=whole"):
        Explorer(SimpleNamespace(model=given))


def test_a_per_pixel_model_has_no_queries(tmp_path):
    """All 64 x 96 pixels have a class."""
    torch.manual_seed(0)
    model = untrained_model(read_config(str(PER_PIXEL), {}))
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    explorer = Explorer(Predictor(PER_PIXEL, tmp_path / "weights.pth", "cpu"))
    assert not explorer.has_queries
    assert explorer.thresholds == dict(semantic={})
    path = tmp_path / "image.png"
    Image.fromarray(noise(64, 96)).save(path)
    rows = explorer.view(explorer.see(path), "semantic", {}).rows
    assert sum(row[1] for row in rows) == 64 * 96
    assert "void" not in {row[0] for row in rows}


@pytest.mark.mmdet
def test_tasks_are_made_one_by_one(tmp_path):
    """Each equals that of the whole prediction, with its own threshold."""
    weights = write_weights(tmp_path, PANOPTIC, pixels=noise(64, 96, 1))
    overrides = {"model.test_cfg.instance_on": True}
    explorer = Explorer(Predictor(PANOPTIC, weights, "cpu", overrides))
    path = tmp_path / "image.png"
    Image.fromarray(noise(64, 96, 1)).save(path)
    seen, (wanted,) = explorer.see(path), explorer.predictor(path)
    thresholds = dict(object_mask_thr=0.8, iou_thr=0.8)
    for task, values in dict(panoptic=thresholds, semantic={}).items():
        found = explorer.found(seen, task, values)
        np.testing.assert_array_equal(found.encoded(task), wanted.encoded(task))
        assert sum(key in found.sample for key in TASKS.values()) == 1
    rows = explorer.view(seen, "panoptic", dict(object_mask_thr=0.1, iou_thr=0.0)).rows
    assert sum(row[1] for row in rows) == 5
    view = explorer.view(seen, "instance", dict(score_thr=0.6))
    scores = wanted.result("instance").scores
    assert sum(row[1] for row in view.rows) == int((scores >= 0.6).sum()) > 1
    np.testing.assert_array_equal(view.picture, wanted.picture("instance", 0.6))


def test_examples_are_the_images_of_a_folder(tmp_path):
    (tmp_path / "more").mkdir()
    for name in ("notes.txt", "b.JPG", "more/a.png"):
        (tmp_path / name).touch()
    found = images_below(tmp_path)
    assert [x.name for x in found] == ["b.JPG", "a.png"]
    (tmp_path / "b.JPG").unlink()
    (tmp_path / "more/a.png").unlink()
    with pytest.raises(SystemExit, match="there is no image in this folder"):
        images_below(tmp_path)


def test_without_gradio_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "web_demo_lib.page", raising=False)
    with pytest.raises(SystemExit, match="pip install gradio"):
        run_script(monkeypatch, "web_demo.py", "config.py", "weights.pth")
