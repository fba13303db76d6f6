"""Names in the files of a config that have no effect are told."""

from __future__ import annotations

import re

import pytest

from mmseg_maskformer.engine.config_files import read_config

BASE = """
data_root, num_classes, norm, test_pipeline = "data", 3, dict(type="BN"), [1]
train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=[3]))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=test_pipeline))
model = dict(decode_head=dict(num_classes=num_classes))
optimizer = dict(lr=1)
optim_wrapper = dict(optimizer=optimizer)
"""
ROOTS = "train_dataloader.dataset.data_root, val_dataloader.dataset.data_root"


@pytest.fixture
def leaf(tmp_path):
    """Write a config below one below the base; its path."""

    def written(text, between=""):
        (tmp_path / "base.py").write_text(BASE)
        (tmp_path / "between.py").write_text(f"_base_ = ['base.py']\n{between}")
        path = tmp_path / "leaf.py"
        path.write_text(f"_base_ = 'between.py'\n{text}")
        return str(path)

    return written


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr_config = dict(policy='poly')", "lr_config, .* Set param_scheduler, if"),
        ("data = dict(samples_per_gpu=8)", "data, which .* Set train_dataloader, val"),
        (
            "train_dataloder = dict(batch_size=16)",
            "dataloder, .* Set train_dataloader, if",
        ),
        ("optimizer = dict(lr=2)", r"optimizer, .* Set optim_wrapper\.optimizer,"),
        ("workdir = 'x'", r"leaf\.py sets workdir, which is not .* Set work_dir,"),
    ],
)
@pytest.mark.parametrize("inherited", [False, True])
def test_a_name_that_looks_like_a_mistake_is_told(
    leaf, capsys, text, message, inherited
):
    read_config(leaf("", between=text) if inherited else leaf(text), {})
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data_root = 'one'", f"data_root to one, but {ROOTS}"),
        ("num_classes = 4", "num_classes to 4, but model.decode_head.num_classes"),
        ("test_pipeline = [2]", "[2], but val_dataloader.dataset.pipeline"),
    ],
)
@pytest.mark.parametrize("inherited", [False, True])
def test_variables_that_come_too_late_are_told_once(
    leaf, tmp_path, capsys, text, said, inherited
):
    read_config(leaf("", between=text) if inherited else leaf(text), {})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"Warning: {tmp_path}/leaf.py sets ") and said in line
    base = "base" if inherited else "between"
    assert f"still have what {tmp_path}/{base}.py says. Set them, too, if" in line


@pytest.mark.parametrize(
    "text",
    [
        "foo, num_queries, norm = 1, 100, dict(type='GN')",  # nothing had norm
        "del _base_.data_root",
        "optimizer = dict(type='SGD')\n"  # which keeps lr=1 of the base's
        "optim_wrapper = dict(optimizer=dict(optimizer, _delete_=True))",
        "optim_wrapper = dict(optimizer=dict(lr=2))",
        "data_root = 'one'\nmine = dict(dataset=dict(data_root=data_root))\n"
        "train_dataloader, val_dataloader = mine, mine",
        "test_pipeline = [2]\nval_dataloader = dict(dataset=dict(pipeline=[2]))",
        "train_loader = dict(dataset=dict(pipeline=[4]))\n"
        "train_dataloader = train_loader",  # which has the base's data_root, too
    ],
)
def test_variables_of_ones_own_are_taken_without_a_word(leaf, capsys, text):
    read_config(leaf(text), {})
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "text",
    [
        "from mmengine.optim import OptimWrapper\n"  # is almost optim_wrapper
        "optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type='SGD', lr=1))",
        "optimizer = dict(lr=1)\n"  # left over in what a runner wrote
        "optim_wrapper = dict(optimizer=dict(lr=2))",
        "_base_ = '{{ fileDirname }}/base.py'\nlr = 1",
    ],
)
def test_one_file_is_read_without_a_word(leaf, tmp_path, capsys, text):
    leaf("")
    (tmp_path / "alone.py").write_text(text)
    read_config(str(tmp_path / "alone.py"), {})
    assert capsys.readouterr().err == ""
