"""The recipe for few images: its steps, its average, its best checkpoint, its data."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import DATASETS, HOOKS, init_default_scope
from mmengine.runner import Runner

from mmseg_maskformer.engine.amp import BFloat16OptimWrapper
from mmseg_maskformer.engine.resuming import newest_checkpoint
from mmseg_maskformer.engine.runners import evaluating_runner
from tests.conftest import REPOSITORY
from tests.helpers.scenes import TWO_SCENES, tiny_config

CONFIGS = REPOSITORY / "configs"
RECIPE = Config.fromfile(CONFIGS / "_base_/schedules/few_images.py")
LEAVES = sorted((CONFIGS / "few_images").glob("*.py"))


@pytest.mark.parametrize("kind", [OptimWrapper, BFloat16OptimWrapper])
def test_a_step_is_the_clipped_mean_of_four_gradients(kind):
    """Of c w, for c = 1, 2, 3, 6: 12 / 4 = 3, of which a norm of 1 is left."""
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    settings = RECIPE.optim_wrapper
    wrapper = kind(
        torch.optim.SGD(model.parameters(), lr=1.0),
        accumulative_counts=settings.accumulative_counts,
        clip_grad=settings.clip_grad,
    )
    wrapper.initialize_count_status(model, 0, 8)
    for c in (1.0, 2.0, 3.0, 6.0):
        assert model.weight == 0
        with wrapper.optim_context(model):
            loss = model(torch.full((1, 1), c)).sum()
        wrapper.update_params(loss)
    assert model.weight.item() == pytest.approx(-1, rel=1e-5)


def test_the_average_is_over_a_tenth_of_the_steps_and_at_most_fifty():
    """The weight is the number of the step, n, so that the average tells its lag d.

    d(n) = (1 - m) (d(n - 1) + 1). With m = 10 / (10 + n) that is n / 11; from step 490
    on m is 1 / 50, and d comes to 49.
    """
    model, average = torch.nn.Linear(1, 1, bias=False), HOOKS.build(RECIPE.average)
    average.before_run(SimpleNamespace(model=model))
    lags = {}
    for iteration in range(RECIPE.train_cfg.max_iters):
        step = iteration // RECIPE.optim_wrapper.accumulative_counts
        model.weight.data.fill_(step)
        average.after_train_iter(SimpleNamespace(iter=iteration), iteration)
        lags[step] = step - average.ema_model.module.weight.item()
    assert lags[110] == pytest.approx(10, rel=1e-4)
    assert lags[440] == pytest.approx(40, rel=1e-4)
    # 49 - (49 - 490 / 11) 0.98 ** 309 = 48.99
    assert lags[799] == pytest.approx(48.99, abs=0.01)


def loader(**sampler):
    return dict(batch_size=2, dataset=TWO_SCENES, sampler=sampler)


def training(folder, **changes):
    """Twelve iterations of a tiny model, of which early stopping leaves eight."""
    wrapper = dict(RECIPE.optim_wrapper, type="mmseg_maskformer.BFloat16OptimWrapper")
    test = loader(type="DefaultSampler", shuffle=False)
    stopping = dict(RECIPE.early_stopping, patience=1, min_delta=200)
    checkpoint = dict(RECIPE.default_hooks.checkpoint, interval=4)
    given = dict(
        model=tiny_config(),
        default_scope="mmseg",
        work_dir=str(folder),
        experiment_name=f"few-{folder.name}",
        train_dataloader=loader(type="InfiniteSampler"),
        train_cfg=dict(RECIPE.train_cfg, max_iters=12, val_interval=4),
        optim_wrapper=dict(wrapper, optimizer=dict(type="AdamW", lr=1e-2)),
        param_scheduler=dict(RECIPE.param_scheduler[-1], end=13),
        val_dataloader=test,
        val_cfg=dict(type="ValLoop"),
        val_evaluator=dict(type="IoUMetric"),
        test_dataloader=test,
        test_cfg=dict(type="TestLoop"),
        test_evaluator=dict(type="IoUMetric"),
        custom_hooks=[RECIPE.average, stopping],
        default_hooks=dict(RECIPE.default_hooks, checkpoint=checkpoint),
        randomness=dict(seed=0),
    )
    return Config(given | changes, cfg_text="-", filename="few.py")


def test_the_best_checkpoint_scores_what_was_logged(tmp_path):
    """And its weights are the average; the test has no use for training data."""
    run = Runner.from_cfg(training(tmp_path / "train"))
    run.train()
    assert run.iter == 8
    best, score = map(run.message_hub.get_info, ("best_ckpt", "best_score"))
    assert Path(best).name in ("best_mIoU_iter_4.pth", "best_mIoU_iter_8.pth")
    absent = loader(type="InfiniteSampler") | dict(dataset=dict(type="Absent"))
    config = training(tmp_path / "test", train_dataloader=absent)
    assert evaluating_runner(config, best).test()["mIoU"] == score > 0
    name = "decode_head.network.class_head.weight"
    newest = torch.load(tmp_path / "train/iter_8.pth", weights_only=False)
    raw, averaged = (
        newest["ema_state_dict"][f"module.{name}"],
        newest["state_dict"][name],
    )
    assert torch.equal(raw, run.model.state_dict()[name])
    assert not torch.equal(averaged, raw)


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(
    tmp_path, monkeypatch
):
    save = Runner.save_checkpoint

    def stopped(runner, out_dir, filename, *args, **options):
        if filename == "iter_8.pth":
            raise KeyboardInterrupt
        save(runner, out_dir, filename, *args, **options)

    monkeypatch.setattr(Runner, "save_checkpoint", stopped)
    with pytest.raises(KeyboardInterrupt):
        Runner.from_cfg(training(tmp_path)).train()
    assert newest_checkpoint(tmp_path) == tmp_path / "iter_4.pth"


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.stem)
def test_every_config_stops_by_the_score_that_it_keeps_the_best_of(leaf):
    config = Config.fromfile(leaf)
    average, stopping = config.custom_hooks
    assert average == RECIPE.average
    assert stopping.monitor == config.default_hooks.checkpoint.save_best
    scores = {"camvid": ("mIoU", 0.1), "panoptic": ("PQ", 0.1)}
    scores["instance"] = ("coco/segm_mAP", 0.001)  # a share
    found = (stopping.monitor, stopping.min_delta)
    assert [found] == [scores[task] for task in scores if task in leaf.stem]
    wrapper = deepcopy(RECIPE.optim_wrapper)
    if leaf.stem.startswith("mask2former"):
        wrapper.accumulative_counts, wrapper.optimizer.lr = 1, 1e-3
    assert config.optim_wrapper == wrapper
    for key in ("param_scheduler", "train_cfg"):
        assert config[key] == RECIPE[key]


@pytest.mark.parametrize(
    ("name", "images", "spaces"),
    [
        ("maskformer_efficientnet-lite0_few_camvid-50", 233, ({7, 8}, {2})),
        pytest.param(
            *("mask2former_efficientnet-lite0_few_dsb2018-instance-50", 105),
            ({8, 9}, {8, 9}),
            marks=pytest.mark.mmdet,
        ),
    ],
)
def test_fifty_images_are_spread_over_the_others(name, images, spaces, configured_data):
    config = Config.fromfile(CONFIGS / f"few_images/{name}.py")
    init_default_scope(config.default_scope)
    files = []
    for split, expected in (("train", spaces[0]), ("val", spaces[1]), ("test", None)):
        dataset = config[f"{split}_dataloader"].dataset
        chosen = dataset.get("indices", ())
        assert expected is None or expected == {
            later - one for one, later in zip(chosen, chosen[1:], strict=False)
        }
        built = DATASETS.build(dataset)
        files.append({built.get_data_info(i)["img_path"] for i in range(len(built))})
    assert [len(x) for x in files] == [50, 50, images]
    assert len(set.union(*files)) == 100 + images


@pytest.mark.mmdet
def test_images_of_ones_own_may_be_without_an_object(tmp_path, monkeypatch):
    """The hosts draw another image in their place, every time, which is a warning."""
    pytest.importorskip("mmdet")
    from tests.perfect import Case

    said = []
    place = "mmseg_maskformer.datasets.coco.files.print_log"
    monkeypatch.setattr(place, lambda text, *_: said.append(text))
    case = Case()
    case.instances["annotations"] = [x for x in case.objects if x["image_id"] == 1]
    case.write(tmp_path)
    init_default_scope("mmdet")

    def data(config):
        said.clear()
        pipeline = Config.fromfile(CONFIGS / config).train_dataloader.dataset.pipeline
        options = dict(pipeline=pipeline, test_mode=False)
        return case.data(tmp_path, "instances", **options)

    own = data("few_images/mask2former_efficientnet-lite0_few_dsb2018-instance.py")
    assert not any("skipped" in text for text in said)
    found = [len(own[1]["data_samples"].gt_instances) for _ in range(3)]
    assert found == [0, 0, 0]
    data("mask2former/mask2former_r18_1xb4-5k_dsb2018-instance.py")
    assert said[-1].endswith(
        "1 of 2 images have no object and are skipped in training. To train on them, "
        "set allow_negative_crop=True of RandomCrop."
    )
