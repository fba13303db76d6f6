"""Several settings from one forward pass: for which models, and metrics."""

from __future__ import annotations

import pytest
import torch
from mmengine.evaluator import BaseMetric

from query_lib.settings import EverySetting, SettingEvaluator
from tests.helpers.semantic import SIZE, build, images, samples


@pytest.mark.parametrize(
    ("kind", "test_cfg"),
    [
        ("EncoderDecoder", dict(mode="whole")),
        ("mmseg_maskformer.MaskFormerSegmentor", dict(seg_logits=True)),
    ],
)
@torch.no_grad()
def test_the_host_reads_each_setting(kind, test_cfg):
    """By attributes of `test_cfg`."""
    model = build(kind, test_cfg)
    wanted = []
    for layer in (0, 1):
        model.test_cfg.layer = layer
        wanted.append(model.predict(images(SIZE), samples(SIZE))[0].seg_logits.data)
    assert not torch.equal(*wanted)
    EverySetting(model, dict(layer=0), lambda _: [dict(layer=1)])
    (found, *_) = model.predict(images(SIZE), samples(SIZE))
    for one, scores in zip(found.settings, wanted, strict=True):
        assert torch.equal(one.seg_logits.data, scores)


@pytest.mark.parametrize("name", ["CityscapesMetric", "CityScapesMetric"])
def test_metrics_of_cityscapes_files_are_refused(name):
    """Also a class of one's own that is made of one."""
    theirs = type(name, (BaseMetric,), dict(process=None, compute_metrics=None))
    own = type("Own", (theirs,), {})
    for kind in (theirs, own):
        with pytest.raises(ValueError, match=f"^{kind.__name__} writes .*leave it out"):
            SettingEvaluator([kind()])


@pytest.mark.mmdet
def test_panoptic_metrics_are_refused_where_they_score_files(tmp_path, monkeypatch):
    module = pytest.importorskip("mmdet.evaluation.metrics.coco_panoptic_metric")
    monkeypatch.setattr(module, "panopticapi", "is not needed to build one")
    in_memory = module.CocoPanopticMetric()
    assert SettingEvaluator([in_memory]).metrics == [in_memory]
    of_files = module.CocoPanopticMetric(outfile_prefix=str(tmp_path / "results"))
    with pytest.raises(ValueError, match=r"^CocoPanoptic.*leave out its outfile_pre"):
        SettingEvaluator([of_files])
