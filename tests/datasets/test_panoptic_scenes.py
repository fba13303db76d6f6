"""Scenes with segments: they agree with the semantic scenes and with themselves."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from mmengine.registry import DATASETS, DefaultScope

from mmseg_maskformer.datasets.scenes.rendering import SceneRenderer

SCENE = dict(num_things=3, num_stuff=4, size=(64, 80), void_width=2)
COUNT = 16


def build(name, scope, pipeline=(), seed=0):
    """A data set as a config of that host names it."""
    config = dict(type=f"mmseg_maskformer.{name}", num_images=COUNT, seed=seed)
    with DefaultScope.overwrite_default_scope(scope):
        return DATASETS.build(dict(config, scene=SCENE, pipeline=list(pipeline)))


def panoptic(**kwargs):
    return build("PanopticScenesDataset", "mmdet", **kwargs)


def test_areas_of_the_segments_sum_to_what_is_not_void():
    for sample in panoptic():
        areas = [np.sum(sample["gt_seg_map"] == n) for n, _, _ in sample["segments"]]
        assert min(areas) > 0
        assert sum(areas) == 64 * 80 - np.sum(sample["gt_seg_map"] == 0)


def test_merged_segments_are_the_semantic_scene():
    semantic = build("ScenesDataset", "mmseg")
    for ours, theirs in zip(panoptic(), semantic, strict=True):
        classes = np.array([255, *(label for _, label, _ in ours["segments"])])
        assert np.array_equal(classes[ours["gt_seg_map"]], theirs["gt_seg_map"])
        assert np.array_equal(ours["img"], theirs["img"])


def test_things_are_told_apart_and_stuff_is_not():
    repeated = 0
    for sample in panoptic():
        numbers, labels, is_thing = zip(*sample["segments"], strict=True)
        assert numbers == tuple(range(1, len(numbers) + 1))
        assert is_thing == tuple(label < 3 for label in labels)
        stuff = [label for label in labels if label >= 3]
        assert len(stuff) == len(set(stuff))
        repeated += len(labels) - len(set(labels))
    assert repeated > 0


def test_a_nearer_thing_takes_pixels_of_the_one_behind(monkeypatch):
    """Painting the last thing only moves pixels from others to it."""
    renderer = SceneRenderer(**SCENE)
    full = [renderer.render(0, index).segments for index in range(COUNT)]
    place = SceneRenderer._place_things
    monkeypatch.setattr(SceneRenderer, "_place_things", lambda *args: place(*args)[:-1])
    hidden = 0
    for index, segments in enumerate(full):
        before = renderer.render(0, index)
        things = [s.id for s in before.info if s.is_thing]
        last = segments == segments.max()
        hidden += np.sum(last & np.isin(before.segments, things))
    assert hidden > 100


def test_same_seed_same_scene():
    one, same, other = (panoptic(seed=seed)[3] for seed in (5, 5, 6))
    assert np.array_equal(one["img"], same["img"])
    assert np.array_equal(one["gt_seg_map"], same["gt_seg_map"])
    assert one["segments"] == same["segments"]
    assert np.mean(one["img"] == other["img"]) < 0.1


def test_classes_are_things_then_stuff():
    meta = panoptic().metainfo
    assert meta["thing_classes"] + meta["stuff_classes"] == meta["classes"]
    assert [name[0] for name in meta["classes"]] == ["t"] * 3 + ["s"] * 4
    assert len(meta["palette"]) == 7


@pytest.mark.mmdet
def test_packing_comes_first_in_the_pipeline():
    pytest.importorskip("mmdet")
    pack = dict(type="mmseg_maskformer.PackPanopticInputs", with_host_targets=True)
    packed = panoptic(pipeline=[pack])[2]
    scene = SceneRenderer(**SCENE).render(0, 2)
    sample = packed["data_samples"]
    assert np.array_equal(packed["inputs"].permute(1, 2, 0), scene.image[..., ::-1])
    assert np.array_equal(sample.gt_segment_map.data[0], scene.segments)
    assert sample.gt_segments.labels.tolist() == [s.label for s in scene.info]
    assert np.array_equal(sample.gt_sem_seg.sem_seg[0], scene.semantic)
    assert len(sample.gt_instances) == sum(s.is_thing for s in scene.info)


@pytest.mark.parametrize(
    ("name", "absent"), [("PanopticScenesDataset", "mmseg"), ("ScenesDataset", "mmdet")]
)
def test_other_host_is_not_imported(name, absent):
    code = (
        f"import sys; sys.modules[{absent!r}] = None\n"
        "from mmengine.registry import DATASETS\n"
        f"print(DATASETS.get('mmseg_maskformer.{name}')(num_images=1)[0]['img'].shape)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert printed.stdout.endswith("(128, 128, 3)\n")
