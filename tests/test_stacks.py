"""Training, saving, resuming and evaluating through the tools, on the installed stack.

Each run is a process of its own, as a user starts it. Runs on both stacks.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import mmseg
import pytest
import torch

CHECKOUT = Path(__file__).resolve().parent.parent
TOOLS = CHECKOUT / "tools"
ITERATIONS, SAVED = 40, 20
CLASSES = 5
# Without dropout and with fixed norms a step depends on its images alone, and not on
# the state of a random generator or on the other images of the batch.
CONFIG = f"""
_base_ = ["{CHECKOUT}/configs/_base_/default_runtime.py"]
dataset = dict(
    type="mmseg_maskformer.ScenesDataset",
    num_images=6,
    scene=dict(num_things=3, num_stuff=2, size=(64, 96)),
    pipeline=[dict(type="PackSegInputs")],
)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dataset,
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dataset,
)
test_dataloader = val_dataloader
val_evaluator = dict(type="IoUMetric", iou_metrics=["mIoU"])
test_evaluator = val_evaluator
model = dict(
    type="mmseg_maskformer.MaskFormerSegmentor",
    data_preprocessor=dict(
        type="SegDataPreProcessor",
        mean=[127.0] * 3,
        std=[64.0] * 3,
        size_divisor=32,
        seg_pad_val=255,
        test_cfg=dict(size_divisor=32),
    ),
    backbone=dict(
        type="ResNet",
        depth=18,
        base_channels=8,
        stem_channels=8,
        norm_eval=True,
    ),
    decode_head=dict(
        type="mmseg_maskformer.MaskFormerHead",
        in_channels=[8, 16, 32, 64],
        num_classes={CLASSES},
        network=dict(
            type="MaskFormer",
            pixel_decoder=dict(
                type="FPNPixelDecoder", out_channels=32, mask_channels=32, num_groups=8
            ),
            transformer_decoder=dict(
                type="TransformerDecoder",
                num_queries=8,
                num_layers=2,
                embed_dim=32,
                num_heads=4,
                ffn_dim=64,
                dropout=0.0,
            ),
        ),
        criterion=dict(
            type="SetCriterion",
            loss_cls=dict(type="ClassificationLoss", weight=1.0),
        ),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode="whole"),
)
optim_wrapper = dict(
    type="OptimWrapper",
    constructor="mmseg_maskformer.ModulewiseOptimWrapperConstructor",
    paramwise_cfg=dict(backbone_lr_mult=0.1),
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=1e-4, fused=True),
)
param_scheduler = [
    dict(type="PolyLR", power=0.9, end={ITERATIONS + 1}, by_epoch=False)
]
train_cfg = dict(
    type="IterBasedTrainLoop", max_iters={ITERATIONS}, val_interval={ITERATIONS}
)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
default_hooks = dict(
    checkpoint=dict(type="CheckpointHook", by_epoch=False, interval={SAVED}),
    logger=dict(type="LoggerHook", interval=1, log_metric_by_epoch=False),
)
log_processor = dict(window_size=1)
randomness = dict(seed=0)
"""

pytestmark = pytest.mark.slow


def run(*command: object) -> str:
    """Run a command in the checkout on one thread; return its output."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=CHECKOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def tool(script: Path, *arguments: object) -> str:
    """Run a Python script as a user would."""
    return run(sys.executable, script, *arguments)


def logged(work_dir: Path, key: str) -> dict[int, float]:
    """Values of a scalar in the newest log of ``work_dir``, by iteration."""
    newest = max(work_dir.glob("*/vis_data/scalars.json"))
    lines = map(json.loads, newest.read_text().splitlines())
    return {line["step"]: line[key] for line in lines if key in line}


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    """A tiny model and six tiny scenes."""
    path = tmp_path_factory.mktemp("config") / "tiny.py"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def trained(config, tmp_path_factory) -> Path:
    """The work directory of an uninterrupted training."""
    work_dir = tmp_path_factory.mktemp("trained")
    tool(TOOLS / "train.py", config, "--work-dir", work_dir)
    return work_dir


def test_training_lowers_the_loss(trained):
    losses = logged(trained, "loss")
    assert sorted(losses) == list(range(1, ITERATIONS + 1))
    values = [losses[step] for step in sorted(losses)]
    assert sum(values[-10:]) < sum(values[:10])


def test_resumed_training_equals_uninterrupted(config, trained, tmp_path):
    """Also where it began with weights, which the runner alone would resume."""
    shutil.copy(trained / f"iter_{SAVED}.pth", tmp_path)
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / f"iter_{SAVED}.pth"))
    begun = ("--cfg-options", f"load_from={trained / f'iter_{ITERATIONS}.pth'}")
    tool(TOOLS / "train.py", config, "--work-dir", tmp_path, "--resume", *begun)
    whole, resumed = logged(trained, "loss"), logged(tmp_path, "loss")
    assert sorted(resumed) == list(range(SAVED + 1, ITERATIONS + 1))
    for step, loss in resumed.items():
        assert loss == pytest.approx(whole[step], rel=1e-6), step


@pytest.mark.parametrize("metric", ["mIoU", "aAcc", "mAcc"])
def test_evaluation_equals_that_of_training(evaluated, trained, metric):
    assert evaluated[metric] == logged(trained, metric)[ITERATIONS]
    assert evaluated["mAcc"] != 100 / CLASSES  # as one class everywhere would give


@pytest.fixture(scope="module")
def evaluated(config, trained, tmp_path_factory) -> dict[str, float]:
    """What tools/test.py makes of the last checkpoint."""
    work_dir = tmp_path_factory.mktemp("evaluated")
    checkpoint = trained / f"iter_{ITERATIONS}.pth"
    tool(TOOLS / "test.py", config, checkpoint, "--work-dir", work_dir)
    (result,) = work_dir.glob("*/*.json")
    return json.loads(result.read_text())


def test_host_tools_train_our_configs(config, trained, tmp_path):
    """The script that MMSegmentation installs gives the losses that ours gives."""
    script = Path(mmseg.__file__).parent / ".mim/tools/train.py"
    tool(script, config, "--work-dir", tmp_path)
    assert logged(tmp_path, "loss") == logged(trained, "loss")


SMALL = (
    "--cfg-options",
    "train_cfg.max_iters=4",
    "train_cfg.val_interval=4",
    "param_scheduler.0.end=5",
    "model.decode_head.criterion.loss_cls.weight=0.0",  # it is a mean per process
    "optim_wrapper.optimizer.type=SGD",
    "optim_wrapper.optimizer.lr=1e-3",
    "optim_wrapper.optimizer.momentum=0.9",
    "optim_wrapper.clip_grad.max_norm=0.5",
    "default_hooks.checkpoint.interval=2",
)
FLEXIBLE = "runner_type=FlexibleRunner"
FSDP = "strategy.type=FSDPStrategy"
FROZEN = "model.frozen=[backbone]"


def in_two_processes(config, *arguments):
    """Train with half of the batch in each of two processes."""
    run(
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *("--nproc_per_node", 2, TOOLS / "train.py", config, "--launcher", "pytorch"),
        *(*arguments, "train_dataloader.batch_size=1"),
    )


def assert_equal_parameters(folder, other):
    first, second = (parameters(x / "iter_4.pth") for x in (folder, other))
    assert first.keys() == second.keys()
    for key, value in first.items():
        torch.testing.assert_close(second[key], value, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def of_one_process(config, tmp_path_factory) -> Callable[..., Path]:
    """Gives the work directory of a training that two processes are to repeat.

    The runners of upstream mmengine draw the first weights in different orders.
    """

    @cache
    def train(*runner: str) -> Path:
        work_dir = tmp_path_factory.mktemp("one")
        tool(TOOLS / "train.py", config, "--work-dir", work_dir, *SMALL, *runner)
        return work_dir

    return train


@pytest.mark.parametrize(
    "options", [(), (FLEXIBLE,), (FLEXIBLE, FSDP), (FLEXIBLE, FROZEN, FSDP)]
)
def test_two_processes_train_like_one(config, of_one_process, tmp_path, options):
    """Same images, same order: the parameters after training are equal.

    With mmengine's Runner, its FlexibleRunner, and that with sharded parameters, which
    then goes on from the middle and ends alike. Every step's gradient is clipped. With
    a frozen backbone, one of the processes has no gradient at all.
    """
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    wanted = of_one_process(*(x for x in options if x != FSDP))
    in_two_processes(config, "--work-dir", whole, *SMALL, *options)
    assert_equal_parameters(wanted, whole)
    if options == (FLEXIBLE, FSDP):
        given = ("--work-dir", resumed, "--resume", whole / "iter_2.pth")
        in_two_processes(config, *given, *SMALL, *options)
        assert_equal_parameters(wanted, resumed)


def parameters(path: Path) -> dict[str, torch.Tensor]:
    """The parameters of a checkpoint by name, without that of a wrapper."""
    found = torch.load(path, map_location="cpu", weights_only=False)["state_dict"]
    return {key.removeprefix("module."): value for key, value in found.items()}
