"""Which checkpoint a training goes on from."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from mmseg_maskformer.engine import resuming, runners
from mmseg_maskformer.engine.resuming import newest_checkpoint, resume
from tests.conftest import REPOSITORY
from tests.helpers.scenes import tiny_model, tiny_runner
from tests.scripts import run_script


def config(folder, **changes):
    (folder / "leaf.py").touch()
    given = dict(work_dir=str(folder), load_from="begun.pkl", resume=False, **changes)
    return Config(given, filename=str(folder / "leaf.py"))


def wrote(folder, path):
    """Leave the note that the hook leaves after it has written a checkpoint."""
    (folder / "last_checkpoint").write_text(str(path))
    return path


def save(path, **begun):
    """A checkpoint as the runner writes it, as far as it matters here."""
    meta = dict(cfg=Config(begun).pretty_text)
    torch.save(dict(meta=meta, state_dict={}, optimizer={}, param_schedulers=[]), path)


def test_the_newest_checkpoint_is_found_where_the_folder_was_moved(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    wrote(tmp_path, "/before/seed0/iter_30.pth")
    assert newest_checkpoint(tmp_path) is None  # it was deleted
    (tmp_path / "iter_30.pth").touch()
    assert newest_checkpoint(tmp_path) == tmp_path / "iter_30.pth"


@pytest.mark.parametrize("place", [".", "out_dir"])
def test_the_newest_checkpoint_goes_before_the_weights_to_begin_with(tmp_path, place):
    (tmp_path / "out_dir").mkdir()
    newest = wrote(tmp_path, tmp_path / place / "iter_30.pth")
    save(newest)
    given = config(tmp_path)
    resume(given)
    assert (given.resume, given.load_from) == (True, str(newest))


def test_a_config_may_resume_what_load_from_names(tmp_path):
    given, decay = config(tmp_path), dict(type="PolyLR", end=100, by_epoch=False)
    given.update(resume=True, train_cfg=dict(max_iters=200))
    with pytest.raises(ValueError, match="--resume begun.pkl: it is not there"):
        resume(given)
    given.load_from = str(tmp_path / "iter_30.pth")
    meta = dict(cfg=f"train_cfg=dict(max_iters=100)\nparam_scheduler={decay}")
    torch.save(dict(meta=meta, state_dict={}, optimizer={}), given.load_from)
    with pytest.raises(ValueError, match="iter_30.pth is of a training of 100 iter"):
        resume(given)


def test_without_a_checkpoint_the_config_stays_as_it_is(tmp_path, capsys):
    given = config(tmp_path)
    resume(given)
    assert (given.resume, given.load_from) == (False, "begun.pkl")
    expected = f"Nothing to resume: {tmp_path} has no checkpoint yet."
    assert expected in capsys.readouterr().out


def test_a_training_does_not_begin_anew_where_the_newest_is_not_noted(tmp_path):
    """As where the note was not copied, or the disk was full when it was written."""
    wrote(tmp_path, "")
    resume(config(tmp_path))
    for name in ("iter_90.pth", "iter_100.pth", "iter_200-abc.pth"):
        (tmp_path / name).touch()
    assert newest_checkpoint(tmp_path) is None
    message = rf"Go on by --resume {tmp_path}/iter_100\.pth, or remove it where it was"
    with pytest.raises(ValueError, match=message):
        resume(config(tmp_path))


def test_a_checkpoint_that_is_gone_is_a_sentence(tmp_path):
    wrote(tmp_path, f"{tmp_path}/gone/iter_30.pth")
    (tmp_path / "iter_20.pth").touch()  # the training must not begin anew over it
    message = rf"last_checkpoint names {tmp_path}/gone/iter_30\.pth, which is not there"
    with pytest.raises(ValueError, match=message):
        resume(config(tmp_path))


def test_a_training_of_another_length_is_not_resumed(tmp_path):
    """Whatever the config says that a test has left beside the checkpoint."""
    decay = dict(type="PolyLR", begin=0, end=100, by_epoch=False)
    newest = wrote(tmp_path, tmp_path / "iter_30.pth")
    save(newest, train_cfg=dict(max_iters=100), param_scheduler=decay)
    given = config(tmp_path, train_cfg=dict(max_iters=200))
    given.dump(given.filename)
    with pytest.raises(
        ValueError, match="iter_30.pth is of a training of 100 iterations, n"
    ):
        resume(given)
    given.train_cfg.max_iters = 100
    resume(given)
    assert given.resume


@pytest.mark.parametrize(
    ("wrapper", "batch", "said"),
    [
        (dict(type="mmengine.optim.OptimWrapper", accumulative_counts=1), 4, ""),
        (dict(type="AmpOptimWrapper"), 4, "type=OptimWrapper (now: AmpOptimWrapper)"),
        (dict(accumulative_counts=2), 4, "accumulative_counts=1 (now: 2)"),
        ({}, 2, "batch_size=4 (now: 2)"),
    ],
)
def test_other_steps_than_before_are_a_warning(tmp_path, capsys, wrapper, batch, said):
    newest, loader = wrote(tmp_path, tmp_path / "iter_30.pth"), dict(batch_size=4)
    optimizer = dict(type="AdamW")
    save(newest, optim_wrapper=dict(optimizer=optimizer), train_dataloader=loader)
    given = config(tmp_path, train_dataloader=dict(batch_size=batch))
    given.optim_wrapper = dict(wrapper, optimizer=optimizer)
    resume(given)
    warning = capsys.readouterr().err
    assert said in warning
    assert warning.count("now: ") == bool(said)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    """Neither here nor by the runner, which would run a text of another name."""
    ran, work = tmp_path / "ran", tmp_path / "work"
    torch.save(tiny_model().state_dict(), tmp_path / "begun.pth")
    run = tiny_runner(work, tmp_path / "begun.pth")
    run.train()
    run.save_checkpoint(str(work), "iter_1.pth")
    written = torch.load(work / "iter_1.pth", weights_only=False)
    text = f"code = open({str(ran)!r}, 'w').close()\ntrain_cfg = dict(max_iters=1)"
    written["meta"].update(cfg=text, config=text)
    torch.save(written, work / "iter_1.pth")
    given = config(tmp_path)
    resume(given, str(work / "iter_1.pth"))
    run = tiny_runner(work, given.load_from)
    run.resume(given.load_from)
    assert run.iter == 1
    assert not ran.exists()


def test_a_checkpoint_without_config_is_resumed(tmp_path):
    newest = wrote(tmp_path, tmp_path / "iter_30.pth")
    torch.save(dict(meta={}, state_dict={}, optimizer={}), newest)
    given = config(tmp_path, train_cfg=dict(max_iters=200))
    resume(given)
    assert given.resume


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("lacking", ["optimizer", "param_schedulers"])
def test_what_a_checkpoint_lacks_of_a_training_is_said(tmp_path, lacking, named):
    """As CheckpointHook leaves it out: mmengine would go on without a word."""
    newest = wrote(tmp_path, tmp_path / "iter_30.pth")
    whole = dict(meta={}, state_dict={}, optimizer={}, param_schedulers=[])
    torch.save({key: x for key, x in whole.items() if key != lacking}, newest)
    given = config(tmp_path, param_scheduler=dict(type="PolyLR"))
    message = rf"iter_30.pth: the file has no {lacking} of a tr.*load_from={newest}$"
    with pytest.raises(ValueError, match=message):
        resume(given, str(newest) if named else None)


@pytest.mark.parametrize("newer", [False, True])
def test_a_given_checkpoint_goes_before_the_newest(tmp_path, newer):
    if newer:
        save(wrote(tmp_path, tmp_path / "iter_40.pth"))
    older = tmp_path / "iter_20.pth"
    torch.save(dict(meta={}, state_dict={}, optimizer={}), older)
    given = config(tmp_path)
    resume(given, str(older))
    assert (given.resume, given.load_from) == (True, str(older))


def test_a_given_checkpoint_that_cannot_be_resumed_is_a_sentence(tmp_path):
    given = config(tmp_path)
    torch.save(dict(state_dict={}), tmp_path / "weights.pth")
    for path, message in (
        (tmp_path / "iter_9.pth", "it is not there. Name a checkpoint, for example"),
        (tmp_path, "it is a folder. Name a checkpoint"),
        (
            tmp_path / "weights.pth",
            "the file has no optimizer of a training.",
        ),
    ):
        with pytest.raises(ValueError, match=f"--resume {path}: .*{message}"):
            resume(given, str(path))
    assert given.load_from == "begun.pkl"


@pytest.mark.parametrize("asked", [(), ("--resume",), ("--resume", "here.pth")])
def test_the_command_line_names_a_checkpoint_or_none(monkeypatch, tmp_path, asked):
    leaf, said = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py", []
    monkeypatch.setattr(resuming, "resume", lambda config, x=None: said.append(x))
    monkeypatch.setattr(
        runners, "build_runner", lambda config: SimpleNamespace(train=str)
    )
    run_script(monkeypatch, "train.py", leaf, "--work-dir", tmp_path, *asked)
    assert said == [None if x == "--resume" else x for x in asked[-1:]]


@pytest.mark.parametrize(
    "former", ["best_mIoU_iter_8.pth", "last_checkpoint", "epoch_3.pth"]
)
def test_a_training_does_not_begin_among_checkpoints(monkeypatch, tmp_path, former):
    """Nor does one that is tuned; logs are in nobody's way."""
    begun, folder = [], tmp_path / "work"
    run = SimpleNamespace(train=lambda: begun.append(1), register_hook=str)
    monkeypatch.setattr(runners, "build_runner", lambda config: run)
    leaf = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"
    asked = ("train.py", leaf, "--work-dir", folder)
    (folder / "20260101").mkdir(parents=True)
    run_script(monkeypatch, *asked)
    assert len(begun) == 1
    (folder / former).touch()
    (tmp_path / "other.pth").touch()
    for options in ((), ("--finetune", tmp_path / "other.pth")):
        message = rf"{folder} holds a training \({former}\).*Go on with it by --resume"
        with pytest.raises(SystemExit, match=message):
            run_script(monkeypatch, *asked, *options)
    monkeypatch.setattr(resuming, "resume", lambda *_: None)  # finds nothing
    run_script(monkeypatch, *asked, "--resume")
    assert len(begun) == 2
