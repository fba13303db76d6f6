"""Several settings from one forward pass: which metrics can score them."""

from __future__ import annotations

import pytest
from mmengine.evaluator import BaseMetric

from query_lib.settings import SettingEvaluator


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
