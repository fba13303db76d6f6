"""`tools/train.py --finetune`: what the config may say, and what a run begins with."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook

from mmseg_maskformer.datasets.scenes.classes import class_names
from mmseg_maskformer.engine import runners
from mmseg_maskformer.engine.finetuning import FinetuneHook, finetune
from tests.checkpoints import models
from tests.conftest import REPOSITORY
from tests.helpers.scenes import tiny_model, tiny_runner
from tests.scripts import run_script

DEMO = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"
CLASSES = class_names(3, 2)  # of the training data
CLASSIFIER = "decode_head.network.class_head."


def begun(tmp_path, num_classes=5, classes=None):
    """Weights after a training that changes none, before it, and those of the file."""
    theirs = models.randomise(tiny_model(num_classes), seed=1).state_dict()
    path = tmp_path / "other.pth"
    torch.save(dict(meta=dict(dataset_meta=classes), state_dict=theirs), path)
    run, average = tiny_runner(tmp_path / "work", path), EMAHook()
    run.register_hook(average)
    run.register_hook(FinetuneHook(str(path)))
    before = copy.deepcopy(run.model.state_dict())
    found = run.train().state_dict()
    averaged = average.ema_model.module.state_dict()
    assert all(torch.equal(averaged[name], found[name]) for name in found)
    return found, before, theirs


@pytest.mark.parametrize(
    ("num_classes", "classes", "reason"),
    [
        (9, None, "class_head.weight (6, 32) from (10, 32)"),
        (5, None, "class_head.weight (6, 32), as the file names no classes"),
        (5, dict(classes=CLASSES[::-1]), "(6,), as the classes have other names or an"),
        (5, dict(classes=list(CLASSES)), None),
    ],
    ids=["another number", "no names", "another order", "the same"],
)
def test_a_run_begins_with_all_but_other_classes(
    num_classes, classes, reason, tmp_path
):
    found, before, theirs = begun(tmp_path, num_classes, classes)
    for name, tensor in found.items():
        left = reason is not None and name.startswith(CLASSIFIER)
        assert torch.equal(tensor, (before if left else theirs)[name]), name
    (log,) = (tmp_path / "work").glob("*/*.log")
    text = log.read_text()
    loaded = len(found) - 2 * (reason is not None)
    assert f"--finetune {tmp_path / 'other.pth'}: {loaded} tensors loaded (back" in text
    assert (reason or "Left as initialised:\n  nothing\n") in text
    assert "do not match exactly" not in text  # the host has nothing to say


def test_what_does_not_fit_ends_the_run_with_the_name_of_the_file(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"layer1.0.conv1.weight": torch.ones(1)}, path)
    run = tiny_runner(tmp_path / "work", path)
    run.register_hook(FinetuneHook("other.pth"))
    with pytest.raises(
        ValueError, match=r"^--finetune other\.pth: .*unknown to the mo"
    ):
        run.train()


def test_a_model_of_the_host_is_a_sentence(tmp_path):
    host = SimpleNamespace(model=torch.nn.Identity())
    with pytest.raises(ValueError, match="Identity is another; name the file in load_"):
        FinetuneHook("x.pth").after_load_checkpoint(host, {})


def test_a_model_without_backbone_comes_to_this_sentence(tmp_path):
    path = tmp_path / "other.pth"
    path.touch()
    model = dict(type="MultimodalEncoderDecoder", image_encoder=dict(type="ViT"))
    config = Config(dict(model=model, load_from=None))
    finetune(config, str(path))
    assert config.to_dict() == dict(model=model, load_from=str(path))


def test_the_backbones_own_weights_are_not_read(tmp_path):
    path = tmp_path / "other.pth"
    path.touch()
    for given, left in (
        (dict(init_cfg=dict(type="Pretrained", checkpoint="far")), dict(init_cfg=None)),
        (dict(pretrained=True, in_channels=3), dict(pretrained=False, in_channels=3)),
        (dict(pretrained="open-mmlab://resnet50"), dict(pretrained=None)),
    ):
        config = Config(dict(model=dict(backbone=given), load_from=None))
        finetune(config, str(path))
        assert (config.model.backbone, config.load_from) == (left, str(path))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(load_from="a.pth"), r"scenes\.py has load_from='a\.pth', and --finetune"),
        (dict(resume=True), r"scenes\.py has resume=True, which goes on with a train"),
    ],
)
def test_one_beginning_is_enough(settings, message, tmp_path, monkeypatch):
    path = tmp_path / "other.pth"
    path.touch()
    options = [f"{key}={value}" for key, value in settings.items()]
    with pytest.raises(SystemExit, match=message):
        run_script(
            monkeypatch, "train.py", DEMO, "--finetune", path, "--cfg-options", *options
        )


def test_the_command_line(tmp_path, monkeypatch, capsys):
    path, hooks = tmp_path / "other.pth", []
    run = SimpleNamespace(train=str, register_hook=hooks.append)
    monkeypatch.setattr(runners, "build_runner", lambda config: run)
    asked = ("train.py", DEMO, "--work-dir", tmp_path, "--finetune", path)
    with pytest.raises(SystemExit, match=r"There is no checkpoint file .*other\.pth"):
        run_script(monkeypatch, *asked)
    path.touch()
    run_script(monkeypatch, *asked)
    assert [(type(x), x.checkpoint) for x in hooks] == [(FinetuneHook, str(path))]
    with pytest.raises(SystemExit):
        run_script(monkeypatch, *asked, "--resume")
    assert "--resume: not allowed with argument --finetune" in capsys.readouterr().err
