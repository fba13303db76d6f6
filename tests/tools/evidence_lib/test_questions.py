"""The questions of docs/evidence.md: their data, order and first weights."""

from __future__ import annotations

import copy
from dataclasses import asdict
from itertools import islice

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner, load_checkpoint
from torch import nn

from comparison.config import comparable_config
from comparison.jobs import store_part, write_json
from evidence_lib import answer as module
from evidence_lib.initial import write_initial_weights
from evidence_lib.questions import OURS, PEER, QUESTIONS, path_of
from mmseg_maskformer.datasets.ccp import merged
from tests.scripts import run_script

SCRATCH = {"model.backbone.init_cfg": None}  # nothing is downloaded


def planned(monkeypatch, tmp_path, question, **settings):
    """What would be done, in its order; nothing is."""
    pairs = []
    monkeypatch.setattr(module, "work", lambda given, jobs: pairs.extend(given) or True)
    monkeypatch.setattr(module, "_plot_vocabulary", lambda folder: None)
    given = module.Answer(tmp_path, tmp_path / "script.py", **settings)
    assert module.answer(question, given)
    return [
        (x.options.out.name, task.row.about.method, task.config.randomness.seed)
        for x, task in pairs
    ]


def test_the_first_seed_of_every_vocabulary_comes_first(monkeypatch, tmp_path):
    found = planned(monkeypatch, tmp_path, "vocabulary")
    order = [(k, 0) for k in ("55", "3", "22", "9")] + [(k, 1) for k in ("55", "3")]
    pair, fixed = ("PerPixelBaseline+", "MaskFormer"), "MaskFormer-fixed"
    assert found == [
        *((k, method, seed) for k, seed in order for method in pair),
        *((k, fixed, seed) for k, seed in order),
        ("55", "Mask2Former", 0),
    ]


def test_no_two_comparisons_write_the_same_tables():
    folders = [part.folder for parts in QUESTIONS.values() for part in parts]
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            ("few", "--parts", "nuclei", "typo"),
            "--parts typo: the parts of few are camvid, nuclei",
        ),
        (("few", "nucleus"), "nucleus: the questions are vocabulary, nuclei, "),
    ],
)
def test_what_is_misspelt_is_refused(monkeypatch, tmp_path, capsys, asked, message):
    with pytest.raises(SystemExit):
        run_script(monkeypatch, "evidence.py", *asked, "--out", tmp_path)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("part", QUESTIONS["vocabulary"], ids=lambda part: part.name)
def test_models_have_the_classes_of_their_data(part):
    for path in part.paths:
        config = comparable_config(path, dict(part.overrides))
        count = config.model.decode_head.num_classes
        assert str(count) == part.name and len(merged(count)[0]) == count
        for split in ("train", "val", "test"):
            assert config[f"{split}_dataloader"].dataset.num_classes == count


@pytest.mark.parametrize("part", QUESTIONS["few"], ids=lambda part: part.name)
def test_recipe_and_default_see_the_same_few_images_as_often(part, tmp_path):
    given = module.Answer(tmp_path, tmp_path / "script.py")
    recipe, again, default, _ = module.Comparison(module._options(part, given)).tasks
    assert [recipe.row.about.name, default.row.about.name] == [
        name.rpartition("/")[2] for name in part.configs
    ]
    assert (recipe.what, again.what) == ("seed 0", "seed 1")
    test, best = "scores of its test data", "scores of the best of its validated check"
    assert [x.split("points")[0] for x in recipe.row.notes] == [test, best]
    assert default.row.notes[0] == test and best not in str(default.row.notes)
    one, other = recipe.config, default.config
    for split in ("train", "val", "test"):
        loaders = one[f"{split}_dataloader"], other[f"{split}_dataloader"]
        assert loaders[0] == loaders[1]
    assert len(one.train_dataloader.dataset.indices) == 50
    assert one.train_cfg == other.train_cfg
    assert (one.train_cfg.max_iters, one.scored, other.scored) == (3200, "test", "test")
    own = comparable_config(default.config.filename)
    assert other.optim_wrapper.optimizer == own.optim_wrapper.optimizer
    assert other.model == own.model
    assert "custom_hooks" not in other


@pytest.mark.mmdet
def test_tables_show_a_finished_pair_without_its_first_weights(
    monkeypatch, tmp_path, capsys
):
    """They are written again; of seeds without a result they are not."""
    pytest.importorskip("mmdet")

    def write(config, seed, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"weights {seed}")

    monkeypatch.setattr(module, "write_initial_weights", write)
    part = QUESTIONS["nuclei"][0]
    given = module.Answer(
        tmp_path, tmp_path / "script.py", parts=[part.name], train=False
    )
    first = tmp_path / part.folder / "initial-seed1.pth"
    write(None, 1, first)
    tasks = module.Comparison(module._options(part, given)).tasks
    for task, quality in zip([tasks[1], tasks[4]], (52.0, 50.5), strict=True):
        assert task.what == "seed 1"
        task.folder.mkdir(parents=True)
        write_json(task.folder / "job.json", asdict(task.job))
        store_part(task.folder, task.job, "single", dict(pq=quality))
    first.unlink()
    assert module.answer("nuclei", given)
    assert "| +1.50 |" in (first.parent / "differences.md").read_text()
    assert [x.name for x in first.parent.glob("*.pth")] == [first.name]
    printed = capsys.readouterr().out
    assert printed.count("    no weights; without --tables it is trained\n") == 4
    assert "--train" not in printed


@pytest.mark.mmdet
def test_a_pair_begins_with_the_same_weights(tmp_path):
    """Every tensor; both from a file that the peer wrote."""
    pytest.importorskip("mmdet")
    path = tmp_path / "initial" / "seed1.pth"
    write_initial_weights(comparable_config(path_of(PEER), SCRATCH), 1, path)
    sums = []
    for name in (OURS, PEER):
        config = comparable_config(path_of(name), SCRATCH)
        init_default_scope("mmdet")
        model = MODELS.build(config.model)
        load_checkpoint(model, str(path), strict=name == PEER)
        assert getattr(model, "weights_misfit", None) is None
        values = torch.cat([x.detach().flatten() for x in model.parameters()])
        sums.append(values.double().sort().values)
    assert torch.equal(*sums)


@pytest.mark.mmdet
def test_a_pair_gets_the_same_batches(configured_data):
    pytest.importorskip("mmdet")
    batches = []
    for name in (OURS, PEER):
        init_default_scope("mmdet")
        loader = comparable_config(path_of(name)).train_dataloader
        batches.append(islice(Runner.build_dataloader(loader, seed=1), 2))
    for ours, theirs in zip(*batches, strict=True):
        assert all(map(torch.equal, ours["inputs"], theirs["inputs"]))
        for one, other in zip(
            *(x["data_samples"] for x in (ours, theirs)), strict=True
        ):
            assert one.img_path == other.img_path
            assert torch.equal(one.gt_segment_map.data, other.gt_segment_map.data)


@pytest.mark.mmdet
def test_a_pair_takes_the_same_steps(configured_data, tmp_path):
    """Loss, gradients, clipping and optimizer of both are one; dropout is left out."""
    pytest.importorskip("mmdet")
    given = {**SCRATCH, "train_dataloader.batch_size": 1}
    configs = [comparable_config(path_of(name), given) for name in (OURS, PEER)]
    init_default_scope("mmdet")
    loader = Runner.build_dataloader(configs[1].train_dataloader, seed=0)
    batches = list(islice(loader, 3))  # what the peer needs, and ours beside it
    path = tmp_path / "seed0.pth"
    write_initial_weights(configs[1], 0, path)
    losses = []
    for config in configs:
        model = MODELS.build(config.model)
        load_checkpoint(model, str(path))
        for part in model.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
            elif isinstance(part, nn.MultiheadAttention):
                part.dropout = 0.0
        optimizer = build_optim_wrapper(model, config.optim_wrapper)
        steps = [model.train_step(copy.deepcopy(x), optimizer) for x in batches]
        losses.append([step["loss"].item() for step in steps])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0][2] < 0.8 * losses[0][0]
