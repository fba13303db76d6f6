"""What the command line makes of a config."""

from __future__ import annotations

from argparse import ArgumentParser

import pytest
from mmengine.config import Config
from mmengine.runner import FlexibleRunner, Runner
from torch.nn import Identity

from mmseg_maskformer.engine import launch
from tests.conftest import REPOSITORY


def parse(*argv: str):
    parser = ArgumentParser()
    parser.add_argument("config")
    launch.add_common_arguments(parser)
    return parser.parse_args(argv)


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "leaf.py"
    path.write_text("batch = 2\nmodel = dict(width=8)\n")
    return str(path)


@pytest.fixture(autouse=True)
def no_local_rank(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "unset")
    monkeypatch.delenv("LOCAL_RANK")


def test_options_override_the_config(config_file):
    options = ["batch=3", "model.width=16"]
    config = launch.load_config(parse(config_file, "--cfg-options", *options))
    assert (config.batch, config.model.width) == (3, 16)


def test_a_preprocessor_beside_the_model_goes_into_one_that_has_none(tmp_path):
    path = tmp_path / "leaf.py"
    path.write_text("model = dict()\ndata_preprocessor = dict(mean=[1])\n")
    options = {"data_preprocessor.std": [2]}
    model = launch.read_config(str(path), options).model
    assert model.data_preprocessor == dict(mean=[1], std=[2])
    path.write_text("model = dict(data_preprocessor=3)\ndata_preprocessor = 4\n")
    assert launch.read_config(str(path), {}).model.data_preprocessor == 3


def test_work_dir_is_argument_then_config_then_name(config_file):
    assert launch.load_config(parse(config_file)).work_dir == "work_dirs/leaf"
    given = parse(config_file, "--cfg-options", "work_dir=from_config")
    assert launch.load_config(given).work_dir == "from_config"
    given.work_dir = "from_argument"
    assert launch.load_config(given).work_dir == "from_argument"


@pytest.mark.parametrize("spelling", ["--local_rank", "--local-rank"])
def test_both_spellings_of_local_rank(config_file, spelling, monkeypatch):
    launch.load_config(parse(config_file, spelling, "3"))
    assert launch.os.environ["LOCAL_RANK"] == "3"


def test_missing_config_is_a_sentence():
    with pytest.raises(SystemExit, match=r"There is no config file nowhere\.py"):
        launch.load_config(parse("nowhere.py"))


def test_missing_checkpoint_is_a_sentence_and_an_address_none():
    with pytest.raises(SystemExit, match=r"There is no checkpoint file nowhere\.pth"):
        launch.require_checkpoint("nowhere.pth")
    launch.require_checkpoint("maskformer://ade20k-150/maskformer_R50_bs16_160k")


def test_a_switch_of_timm_downloads_nothing(monkeypatch):
    name = "maskformer_timm-convnext-t_8xb2-160k_ade20k-512x512"
    config = Config.fromfile(REPOSITORY / f"configs/maskformer/{name}.py")
    built = []
    monkeypatch.setattr(launch.MODELS, "build", lambda x: built.append(x) or Identity())
    launch.untrained_model(config)
    assert built[0].backbone.pretrained is False
    assert config.model.backbone.pretrained is True
    assert built[0].decode_head == config.model.decode_head


@pytest.mark.parametrize(
    ("device", "kind", "scale"),
    [
        ("cpu", "mmseg_maskformer.BFloat16OptimWrapper", None),
        ("cuda", "AmpOptimWrapper", "dynamic"),
    ],
)
def test_amp_by_device(device, kind, scale, monkeypatch):
    monkeypatch.setattr(launch, "get_device", lambda: device)
    config = Config({"optim_wrapper": {"type": "OptimWrapper"}})
    launch.enable_amp(config)
    assert config.optim_wrapper.type == kind
    assert config.optim_wrapper.get("loss_scale") == scale


def test_amp_keeps_the_mixed_precision_of_the_config(monkeypatch):
    monkeypatch.setattr(launch, "get_device", lambda: "cuda")
    wrapper = {"type": "AmpOptimWrapper", "dtype": "bfloat16"}
    config = Config({"optim_wrapper": dict(wrapper)})
    launch.enable_amp(config)
    assert config.optim_wrapper == wrapper


@pytest.mark.parametrize("scope", ["", "mmengine."])
def test_a_recipe_in_float16_needs_a_gpu_or_bfloat16(monkeypatch, scope):
    monkeypatch.setattr(launch, "get_device", lambda: "cpu")
    recipe = REPOSITORY / "configs/_base_/schedules/schedule_50e_mask2former.py"
    config = Config.fromfile(recipe)
    config.optim_wrapper.type = f"{scope}AmpOptimWrapper"
    wanted = r"mask2former\.py trains in float16 .* needs a GPU; tools/train\.py --amp"
    with pytest.raises(SystemExit, match=wanted):
        launch.build_runner(config)
    launch.enable_amp(config)
    wrapper = config.optim_wrapper
    assert wrapper.type == "mmseg_maskformer.BFloat16OptimWrapper"
    assert wrapper.optimizer.lr == 1e-4
    assert not {"dtype", "loss_scale"} & set(wrapper)


def test_amp_of_another_wrapper_is_a_sentence():
    config = Config({"optim_wrapper": {"type": "ApexOptimWrapper"}})
    with pytest.raises(SystemExit, match="the config has ApexOptimWrapper"):
        launch.enable_amp(config)


def test_auto_scale_lr():
    config = Config({"auto_scale_lr": {"enable": False, "base_batch_size": 16}})
    launch.enable_auto_scale_lr(config)
    assert config.auto_scale_lr.enable is True
    with pytest.raises(SystemExit, match="needs auto_scale_lr"):
        launch.enable_auto_scale_lr(Config({}))


def test_the_runner_is_that_of_the_config(monkeypatch):
    built = []
    for kind in (Runner, FlexibleRunner):
        monkeypatch.setattr(kind, "from_cfg", lambda cfg: built.append(cfg) or "runner")
    strategy = dict(type="DeepSpeedStrategy", zero_optimization=dict(stage=3))
    wrapper = dict(type="DeepSpeedOptimWrapper")
    given = dict(runner_type="FlexibleRunner", strategy=strategy, optim_wrapper=wrapper)
    for settings in ({}, given):
        assert launch.build_runner(Config(settings)) == "runner"
    assert built[1].strategy == strategy
    given |= dict(launcher="pytorch", strategy=dict(type="FSDPStrategy"))
    launch.build_runner(Config(given))
    assert built[2].strategy.type == "mmseg_maskformer.FSDPStrategy"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(runner_type="FSDP"), "has runner_type='FSDP', which is not registered"),
        (dict(strategy=dict(type="FSDPStrategy")), "set runner_type='FlexibleRunner'"),
        (
            dict(runner_type="FlexibleRunner", strategy=dict(type="DeepSpeedStrategy")),
            "has optim_wrapper.type='OptimWrapper', past which DeepSpeed would not",
        ),
        *(
            (dict(runner_type="FlexibleRunner", strategy=strategy), message)
            for strategy, message in (
                (dict(type="DDPStrategy"), "which is for several processes, and this"),
                (dict(type="FSDPStrategy"), "dist_train.sh CONFIG N starts N"),
                (dict(type="FSDP"), "strategy.type='FSDP', which is not registered"),
                (dict(stage=1), "has strategy.type=None, which is not registered"),
            )
        ),
    ],
)
def test_what_would_be_ignored_is_a_sentence(settings, message):
    with pytest.raises(SystemExit, match=message):
        launch.build_runner(Config(settings))
