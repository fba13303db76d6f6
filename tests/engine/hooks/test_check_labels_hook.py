"""Label maps of an evaluation that hold neither classes nor void."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import HOOKS, METRICS, MODELS, init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmseg_maskformer.engine.hooks import check_labels_hook as module
from tests.conftest import REPOSITORY
from tests.scripts import run_script


def sample(*labels):
    paths = dict(img_path="street.png", seg_map_path="labels.png")
    found = SegDataSample(metainfo=paths)
    if labels:
        found.gt_sem_seg = PixelData(data=torch.tensor([[labels]]))
    return found


def check(samples, voids=(255,), classes=("sky", "road")):
    metrics = [SimpleNamespace(**x) for x in (dict(ignore_index=v) for v in voids)]
    metrics.append(SimpleNamespace())
    meta = dict(classes=classes)
    evaluator = SimpleNamespace(metrics=metrics, dataset_meta=meta)
    loop = SimpleNamespace(evaluator=evaluator)
    runner = SimpleNamespace(val_loop=loop, test_loop=loop)
    hook = HOOKS.build(dict(type="mmseg_maskformer.CheckLabelsHook"))
    for look in (hook.before_val_iter, hook.before_test_iter):
        look(runner, 0, dict(data_samples=samples))


def test_classes_and_void_pass():
    check([sample(0, 1, 255), sample()])
    check([sample(0, 1, 254), sample(1, 254)], voids=[254])


@pytest.mark.parametrize("wrong", [2, -1, 65535, 254])
def test_what_is_neither_is_named_with_its_image(wrong):
    message = (
        rf"street\.png \(labels\.png\) holds the value\(s\) {wrong}, but num_classes=2"
    )
    with pytest.raises(ValueError, match=message):
        check([sample(0, 1), sample(1, wrong, 255)])
    with pytest.raises(ValueError, match=message):
        check([[sample(0, wrong)], [sample(0, wrong)]])  # two views


def test_eight_bits_are_compared_with_sixteen():
    found = sample()
    found.gt_sem_seg = PixelData(data=torch.tensor([[[0, 255]]], dtype=torch.uint8))
    with pytest.raises(ValueError, match="holds the value.s. 255,"):
        check([found], voids=[65535])  # which uint8 would make 255


def test_a_map_of_colours_is_called_one():
    """As in training, which says nothing of their values."""
    found = sample()
    found.gt_sem_seg = PixelData(data=torch.full((4, 6, 3), 200))
    message = (
        r"street\.png \(labels\.png\) has shape \(4, 6, 3\); .* Convert colour maps"
    )
    with pytest.raises(ValueError, match=message):
        check([found])


def test_maps_of_mmdet_have_another_name():
    found = SegDataSample(metainfo=dict(img_path=None))  # an array
    found.gt_sem_seg = PixelData(sem_seg=torch.tensor([[[0, 2]]]))
    with pytest.raises(ValueError, match="an unnamed image holds the value.s. 2,"):
        check([found])


@pytest.mark.parametrize(
    ("name", "warned"), [("mmseg_maskformer.IoUMetric", False), ("IoUMetric", True)]
)
def test_more_pixels_than_a_metric_can_count(name, warned, monkeypatch):
    init_default_scope("mmseg")
    module._warn_of_counts.cache_clear()
    said = []
    monkeypatch.setattr(module, "print_log", lambda text, **_: said.append(text))
    metric = METRICS.build(dict(type=name))
    labels = torch.ones(1, 4096, 4097, dtype=torch.uint8)
    found = SegDataSample()
    found.gt_sem_seg = PixelData(data=labels)
    evaluator = SimpleNamespace(metrics=[metric], dataset_meta=dict(classes="ab"))
    runner = SimpleNamespace(val_loop=SimpleNamespace(evaluator=evaluator))
    hook = HOOKS.build(dict(type="mmseg_maskformer.CheckLabelsHook"))
    labels[0, 0, 1:] = 255  # 2^24 are left
    hook.before_val_iter(runner, 0, dict(data_samples=[found]))
    assert not said
    labels[0, 0, 1] = 0
    for _ in range(2):
        hook.before_val_iter(runner, 0, dict(data_samples=[found]))
    assert len(said) == warned
    assert all("more than 16777216 pixels with a class, and IoUM" in x for x in said)


def test_void_of_one_metric_is_no_void_of_another():
    with pytest.raises(ValueError, match="holds the value.s. 255,"):
        check([sample(0, 255)], voids=[255, 65535])


@pytest.mark.parametrize(
    ("metric", "void", "num_classes", "remedy"),
    [
        (dict(type="IoUMetric", ignore_index=0), 0, 3, "Set .* example 255;"),
        (dict(type="IoUMetric"), 255, 847, "Set .* example 65535;"),
        (
            dict(type="mmseg_maskformer.PanopticQuality", ignore_index=2),
            2,
            3,
            "Set .* 255;",
        ),
        (dict(type="mmseg_maskformer.CalibrationError"), 255, 256, "Set .* 65535;"),
        pytest.param(
            dict(type="mmdet.SemSegMetric"),
            255,
            300,
            "It takes no other: leave it out .*PanopticQuality has",
            marks=pytest.mark.mmdet,
        ),
    ],
)
def test_a_metric_that_leaves_a_class_out_is_refused(metric, void, num_classes, remedy):
    init_default_scope("mmseg")
    built = METRICS.build(metric)
    names = [f"c{label}" for label in range(num_classes)]
    evaluator = SimpleNamespace(metrics=[built], dataset_meta=dict(classes=names))
    loop = SimpleNamespace(evaluator=evaluator)
    runner = SimpleNamespace(val_loop=loop, test_loop=loop, model=None)
    hook = HOOKS.build(dict(type="mmseg_maskformer.CheckLabelsHook"))
    message = (
        f"with ignore_index={void}, which is class 'c{void}' of the {num_classes} "
        f"classes: its pixels would not count. {remedy}"
    )
    for look in (hook.before_train, hook.before_val, hook.before_test):
        with pytest.raises(ValueError, match=message):
            look(runner)
    evaluator.dataset_meta = dict(classes=names[:void])
    hook.before_train(runner)


@pytest.mark.parametrize("void", [100, 255])
def test_void_of_training_is_that_of_evaluation(void, monkeypatch):
    said = []
    monkeypatch.setattr(
        "mmseg_maskformer.engine.hooks.check_labels_hook.print_log",
        lambda text, logger, level: said.append(text),
    )
    metrics = [SimpleNamespace(ignore_index=100), SimpleNamespace()]
    evaluator = SimpleNamespace(metrics=metrics, dataset_meta=None)
    head = SimpleNamespace(decode_head=SimpleNamespace(ignore_index=void))
    HOOKS.build(dict(type="mmseg_maskformer.CheckLabelsHook")).before_train(
        SimpleNamespace(val_loop=SimpleNamespace(evaluator=evaluator), model=head)
    )
    assert len(said) == (void == 255)
    assert not said or "Void is label 255 in training" in said[0]
    assert not said or "and 100 in evaluation" in said[0]


@pytest.mark.parametrize("given", [dict(voids=()), dict(classes=None)])
def test_what_says_nothing_is_left_alone(given):
    check([sample(7)], **given)
    check(None)


@pytest.mark.parametrize("wrong", [12, 254])
def test_the_test_of_a_model_stops(monkeypatch, tmp_path, wrong):
    """The demo's 12 classes, and a label map with another value."""
    leaf, weights = tmp_path / "leaf.py", tmp_path / "weights.pth"
    demo = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "a.jpg")
    Image.fromarray(np.uint8([[0, 11, 255, wrong]] * 64).repeat(16, 1)).save(
        tmp_path / "a.png"
    )
    steps = ["LoadImage", "LoadLabelMap"]
    data = dict(
        _delete_=True,
        type="mmseg_maskformer.LabelMapDataset",
        data_root=str(tmp_path),
        metainfo=dict(classes=[str(label) for label in range(12)]),
        pipeline=[
            *(dict(type=f"mmseg_maskformer.{step}") for step in steps),
            dict(type="PackSegInputs"),
        ],
    )
    loader = dict(dataset=data)
    Config(dict(_base_=str(demo), test_dataloader=loader)).dump(leaf)
    config = Config.fromfile(leaf)
    init_default_scope("mmseg")
    model = MODELS.build(config.model)
    torch.save(dict(state_dict=model.state_dict()), weights)
    message = rf"a\.jpg \(.*/a\.png\) holds the value\(s\) {wrong}, but num_classes=12"
    with pytest.raises(ValueError, match=message):
        run_script(
            monkeypatch, "test.py", leaf, weights, "--work-dir", tmp_path / "out"
        )
