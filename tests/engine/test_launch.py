"""What the command line makes of a config."""

from __future__ import annotations

from argparse import ArgumentParser

import pytest

from mmseg_maskformer.engine import launch


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
    with pytest.raises(FileNotFoundError, match=r"There is no config file nowhere\.py"):
        launch.load_config(parse("nowhere.py"))
