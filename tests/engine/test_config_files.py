"""Files that are no configs, and settings that nobody would read, are sentences."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from torch import nn

from mmseg_maskformer.engine.config_files import config_of_file, override, read_config


@pytest.fixture
def config():
    given = dict(
        data_root="data",
        model=dict(decode_head=dict(num_classes=3)),
        train_cfg=dict(max_iters=4),
        param_scheduler=[dict(power=0.9)],
        default_hooks=dict(checkpoint=dict(save_best="mIoU")),
        optim_wrapper=dict(optimizer=dict(lr=1e-3)),
    )
    return Config(given, cfg_text="-", filename="leaf.py")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "randomnes.seed",
            r"randomnes.seed: leaf.py has no randomnes, .* \(did you me",
        ),
        (
            "train_dataloder.batch_size",
            r"reads one \(did you mean train_dataloader\?\)",
        ),
        ("modl", r"\(did you mean model\?\)\. What code of your own reads, write into"),
        ("foo", r"leaf.py has no foo, and nothing reads one\. What code"),
        (
            "param_scheduler.1.power",
            "does not go into leaf.py: Index 1 exceeds the len",
        ),
        ("train_cfg.max_iters.x", "does not go into leaf.py: max_iters=.'x': 1. in ch"),
    ],
)
def test_a_place_that_is_not_there_is_a_sentence(config, key, message):
    with pytest.raises(ValueError, match=message):
        override(config, {key: 1})


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("train_cfg.max_iterss", "max_iterss is new (did you mean max_iters?)."),
        ("optim_wrapper.optimizer.lrr", "lrr is new (did you mean lr?)."),
        ("optim_wrapper.optimiser.lr", "optimiser is new (did you mean optimizer?)."),
        ("param_scheduler.0.powr", "powr is new (did you mean power?)."),
        (
            "data_root",
            "what the config has made of data_root stays; set that.",
        ),
    ],
)
def test_what_may_be_a_mistake_is_a_warning(config, key, message, capsys):
    override(config, {key: 1})
    expected = f"Warning: --cfg-options {key}: {message}\n"
    assert capsys.readouterr().err == expected


def test_new_keys_are_taken_without_a_word(config, capsys):
    new = {
        "load_from": "a.pth",
        "resume": True,
        "randomness.seed": 1,
        "custom_hooks": [],
        "tta_model.type": "MaskFormerTTA",
        "model.init_cfg": None,
        "model.decode_head.mask_padding": True,
        "train_cfg.val_interval": 2,
        "param_scheduler.0.end": 4,
        "default_hooks.checkpoint.save_last": False,
    }
    override(config, new)
    assert (config.load_from, config.randomness.seed) == ("a.pth", 1)
    assert config.param_scheduler[0] == dict(power=0.9, end=4)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.py",
            "_base_ = 'b.py'",
            r"a\.py needs .*/c\.py, which is not there\. .Paths",
        ),
        ("a.yml", "_base_: d.yml", r"a\.yml cannot be read as a config: .*d\.yml"),
        (
            "a.py",
            "from mmengine.config import read_base\n"
            "with read_base():\n    from .d import *",
            r"a\.py cannot be read as a config: .*d\.py",
        ),
        ("a.py", "model = dict(", r"a\.py cannot be read as a config: .*never closed"),
        ("a.pth", "", r"a\.pth cannot be read as a config: Only py/yml/yaml/json"),
        ("a.py", b"# \xff", r"a\.py cannot be read as a config: .*can't decode"),
    ],
)
def test_what_is_no_config_is_a_sentence(tmp_path, name, text, message):
    (tmp_path / "b.py").write_text("_base_ = 'c.py'")
    content = text.encode() if isinstance(text, str) else text
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        config_of_file(str(tmp_path / name))


def test_a_preprocessor_beside_the_model_goes_into_one_that_has_none(tmp_path):
    path = tmp_path / "leaf.py"
    path.write_text("model = dict()\ndata_preprocessor = dict(mean=[1])\n")
    options = {"data_preprocessor.std": [2]}
    model = read_config(str(path), options).model
    assert model.data_preprocessor == dict(mean=[1], std=[2])
    path.write_text("model = dict(data_preprocessor=3)\ndata_preprocessor = 4\n")
    assert read_config(str(path), {}).model.data_preprocessor == 3


def test_classes_of_a_config_in_python_are_names(tmp_path):
    """As other configs have them; what is in no registry is left to mmengine."""
    path = tmp_path / "leaf.py"
    path.write_text(
        "from mmcv.transforms import Resize\n"
        "from mmengine.optim import AmpOptimWrapper\n"
        "from mmseg.datasets import LoadAnnotations\n"
        "from torch import nn\n"
        "from torch.optim import SGD\n"
        "from mmseg_maskformer.adapters.segmentor import MaskFormerSegmentor\n"
        "model = dict(type=MaskFormerSegmentor, norm_cfg=dict(type=nn.BatchNorm2d))\n"
        "pipeline = [dict(type=LoadAnnotations), dict(type=Resize, scale=(4, 2))]\n"
        "optim_wrapper = dict(type=AmpOptimWrapper, optimizer=dict(type=SGD, lr=1))\n"
    )
    config = read_config(str(path), {})
    assert config.model.type == "mmseg_maskformer.MaskFormerSegmentor"
    kinds = [step.type for step in config.pipeline]
    assert kinds == ["mmseg.LoadAnnotations", "mmengine.Resize"]  # mmdet has a Resize
    assert config.optim_wrapper.type == "AmpOptimWrapper"
    assert config.optim_wrapper.optimizer == dict(type="SGD", lr=1)
    assert config.model.norm_cfg.type is nn.BatchNorm2d
    assert "norm_cfg=dict(type='torch.nn.BatchNorm2d')" in config.pretty_text
