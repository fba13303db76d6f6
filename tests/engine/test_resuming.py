"""Which checkpoint a training goes on from."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from mmseg_maskformer.engine.resuming import newest_checkpoint, resume
from tests.conftest import REPOSITORY
from tests.tools.test_demo import run


def config(folder):
    (folder / "leaf.py").touch()
    given = dict(work_dir=str(folder), load_from="begun.pkl", resume=False)
    return Config(given, filename=str(folder / "leaf.py"))


def test_the_newest_checkpoint_is_found_where_the_folder_was_moved(tmp_path):
    folder, before = tmp_path / "now", tmp_path / "before"
    folder.mkdir()
    assert newest_checkpoint(folder) is None
    (folder / "last_checkpoint").write_text(f"{before}/iter_30.pth")
    assert newest_checkpoint(folder) is None  # stopped before it was there
    before.mkdir()
    (before / "iter_30.pth").touch()
    assert newest_checkpoint(folder) == before / "iter_30.pth"  # out_dir of the hook
    (folder / "iter_30.pth").touch()
    assert newest_checkpoint(folder) == folder / "iter_30.pth"


def test_the_newest_checkpoint_goes_before_the_weights_to_begin_with(tmp_path):
    given = config(tmp_path)
    (tmp_path / "iter_30.pth").touch()
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / "iter_30.pth"))
    resume(given)
    assert given.resume is True
    assert given.load_from == str(tmp_path / "iter_30.pth")


def test_without_a_checkpoint_the_training_begins(tmp_path, capsys):
    given = config(tmp_path)
    resume(given)
    assert (given.resume, given.load_from) == (False, "begun.pkl")
    expected = f"there is no checkpoint in {tmp_path}; starting anew."
    assert expected in capsys.readouterr().out


def test_a_training_of_another_length_is_not_resumed(tmp_path):
    given = config(tmp_path)
    decay = dict(type="PolyLR", begin=0, end=100, by_epoch=False)
    begun = dict(train_cfg=dict(max_iters=100), param_scheduler=decay)
    Config(begun).dump(given.filename)
    given.train_cfg = dict(max_iters=200)
    (tmp_path / "iter_30.pth").touch()
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / "iter_30.pth"))
    with pytest.raises(SystemExit, match="one of 100 iterations, not 200"):
        resume(given)


@pytest.mark.slow
def test_fine_tuning_goes_on_from_its_own_checkpoint(tmp_path):
    """The runner alone would resume the weights that it began with."""
    leaf = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"
    begun, tuned = tmp_path / "begun", tmp_path / "tuned"
    small = [
        *(f"{x}_dataloader.dataset.scene.size=(64, 64)" for x in ("train", "val")),
        *("val_dataloader.dataset.num_images=2", "default_hooks.checkpoint.interval=1"),
        "default_hooks.checkpoint.max_keep_ckpts=2",
    ]

    def train(*arguments):
        done = run("tools/train.py", leaf, *arguments, "--cfg-options", *small)
        return done.stdout + done.stderr

    train("--iterations", 1, "--work-dir", begun)
    small.append(f"load_from={begun / 'iter_1.pth'}")
    train("--iterations", 2, "--work-dir", tuned)
    (tuned / "iter_2.pth").unlink()
    (tuned / "last_checkpoint").write_text(str(tuned / "iter_1.pth"))
    said = train("--iterations", 2, "--work-dir", tuned, "--resume")
    assert f"Load checkpoint from {tuned / 'iter_1.pth'}" in said
    assert "resumed epoch: 0, iter: 1" in said
    assert (tuned / "iter_2.pth").is_file()
