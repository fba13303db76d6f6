"""Which checkpoint of a training is evaluated, also when it goes on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from mmengine.config import Config

from comparison import run as module


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Trains by writing these checkpoints, the last of them the newest."""
    runs = []

    def train(*written, best=None, save_best=None, max_iters=40):
        def write():
            for name in written:
                (tmp_path / name).touch()
            (tmp_path / "last_checkpoint").write_text(written[-1])

        def from_cfg(config):
            runs.append(config.load_from)
            hub = SimpleNamespace(get_info={"best_ckpt": best}.get)
            hooks = dict(register_hook=lambda hook: None, message_hub=hub)
            return SimpleNamespace(train=write, **hooks)

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
    """It was stopped between its last checkpoint and its end."""
    (tmp_path / "iter_40.pth").touch()
    (tmp_path / "last_checkpoint").write_text("iter_40.pth")
    found, runs = trained("iter_40.pth", best="best_iter_8.pth", save_best="mIoU")
    assert found == "best_iter_8.pth"
    assert runs == [str(tmp_path / "iter_40.pth")]
