"""Which checkpoint of a training is evaluated, also when it goes on."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from comparison import run as module
from comparison.kinds import INSTANCE


@dataclass
class Times:
    seconds: float = 0.0


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Trains by writing these checkpoints, the last of them the newest."""
    runs = []

    def train(*written, best=None, validated=None, save_best=None, max_iters=40):
        def write():
            for name in written:
                (tmp_path / name).touch()
            (tmp_path / "last_checkpoint").write_text(written[-1])

        def from_cfg(config):
            runs.append(config.load_from)
            info = dict(best_ckpt=best)
            hub = SimpleNamespace(get_info=info.get)
            hooks = dict(register_hook=lambda hook: None, message_hub=hub)
            val_loop = SimpleNamespace(run=lambda: info.update(best_ckpt=validated))
            return SimpleNamespace(train=write, val_loop=val_loop, **hooks)

        monkeypatch.setattr(module.Runner, "from_cfg", from_cfg)
        config = Config(
            dict(
                train_cfg=dict(max_iters=max_iters),
                default_hooks=dict(checkpoint=dict(save_best=save_best)),
                load_from=None,
            )
        )
        found = module.train(config, tmp_path, progress=None)
        return found.replace(f"{tmp_path}/", ""), runs

    return train


def test_without_a_best_checkpoint_it_is_the_last(trained):
    assert trained("iter_40.pth") == ("iter_40.pth", [None])
    assert trained("never.pth") == ("iter_40.pth", [None])  # nothing is trained again


def test_the_best_checkpoint_is_remembered_where_the_training_stopped_early(
    trained, tmp_path
):
    best = "elsewhere/best_mIoU_iter_10.pth"
    wrote = ("best_mIoU_iter_10.pth", "iter_20.pth")
    expected = ("best_mIoU_iter_10.pth", [None])
    assert trained(*wrote, best=best, save_best="mIoU") == expected
    assert trained("never.pth", save_best="mIoU") == expected


def test_a_training_goes_on_until_its_best_checkpoint_is_known(trained, tmp_path):
    """It was stopped between its last checkpoint, or the validation of it, and its end.

    Of one before, the runner validates what follows itself.
    """
    for name, best in (("iter_40.pth", "best_iter_40.pth"), ("iter_32.pth", "8.pth")):
        (tmp_path / name).touch()
        (tmp_path / "last_checkpoint").write_text(name)
        found, runs = trained(
            name, best="8.pth", validated="best_iter_40.pth", save_best="mIoU"
        )
        assert found == best
        assert runs.pop() == str(tmp_path / name)


@pytest.mark.mmdet
def test_a_collapsed_seed_has_an_ap_of_0_by_the_hosts_metric(monkeypatch):
    """It gives no value where nothing is predicted; no object is large here."""
    metrics = pytest.importorskip("mmdet.evaluation").metrics
    box = dict(bbox=[0, 0, 40, 40], bbox_label=0, ignore_flag=0)
    outline = [[0, 0, 40, 0, 40, 40, 0, 40]]
    truth = dict(img_id=1, ori_shape=(50, 50), instances=[dict(box, mask=outline)])
    nothing = dict(
        bboxes=torch.zeros(0, 4),
        scores=torch.zeros(0),
        labels=torch.zeros(0, dtype=torch.long),
        masks=torch.zeros(0, 50, 50, dtype=torch.bool),
    )

    def test():
        metric = metrics.CocoMetric(metric="segm")
        metric.dataset_meta = dict(classes=("cell",))
        metric.process(None, [dict(truth, pred_instances=nothing)])
        return metric.evaluate(1)

    runner = SimpleNamespace(model=None, test=test, register_hook=lambda hook: None)
    monkeypatch.setattr(module.Runner, "from_cfg", lambda config: runner)
    monkeypatch.setattr(module, "require_fit", lambda *_: None)
    monkeypatch.setattr(module, "timed_predictions", lambda _: nullcontext(Times()))
    config = Config(dict(load_from="weights"))
    expected = dict(ap=0.0, ap50=0.0, ap75=0.0, ap_m=0.0, seconds=0.0)
    assert module.evaluate(config, INSTANCE, progress=None) == expected
