"""Weights that are not those of the model, and names that wrappers have changed."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmengine.runner.checkpoint import load_state_dict

from comparison.kinds import SEMANTIC
from comparison.run import evaluate
from mmseg_maskformer.checkpoints.convert import OPENMMLAB, from_ours
from mmseg_maskformer.checkpoints.fit import check_weights
from mmseg_maskformer.engine.evaluation import enable_tta
from mmseg_maskformer.engine.models import trained_model
from mmseg_maskformer.engine.runners import evaluating_runner
from shared.progress import ProgressHook
from tests.checkpoints import models
from tests.helpers.scenes import TWO_SCENES, tiny_config, tiny_model

ONE = torch.ones(1)
IMAGE = torch.zeros(1, 3, 64, 96)


@pytest.fixture(scope="module")
def weights():
    """Tensors of a tiny model of ours."""
    return models.randomise(tiny_model()).state_dict()


def renamed(names, change):
    return {change(name): tensor for name, tensor in names.items()}


def compiled_part(name):
    return name.replace("backbone.", "backbone._orig_mod.").replace(
        "decode_head.", "decode_head.module."
    )


WRAPPERS = {
    "data parallel": lambda x: renamed(x, "module.{}".format),
    "compiled": lambda x: renamed(x, "module._orig_mod.{}".format),
    "compiled parts": lambda x: renamed(x, compiled_part),
    "average": lambda x: renamed(x, "module.{}".format) | dict(steps=ONE),
    "torch's average": lambda x: dict(
        model_ema=renamed(x, "module.module.{}".format) | dict(n_averaged=ONE)
    ),
    "Lightning": lambda x: dict(
        state_dict=renamed(x, "model.net.{}".format) | {"loss.weight": ONE}, epoch=3
    ),
    "nested": lambda x: dict(model=dict(state_dict=x), optimizer={}),
    "another layout": lambda x: renamed(from_ours(x, OPENMMLAB), "model.{}".format),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_what_wrappers_do_to_names_is_undone(wrap, weights, tmp_path):
    torch.save(wrap(weights), tmp_path / "in.pth")
    model = tiny_model().eval()
    load_checkpoint(model, str(tmp_path / "in.pth"), map_location="cpu")
    found = model.state_dict()
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    assert model.weights_misfit is None


@pytest.mark.parametrize("layout", ["ours", "another layout"])
def test_a_head_that_only_training_has_is_not_missed(layout, weights):
    extra = {"auxiliary_head.conv_seg.weight": ONE}
    model = tiny_model().eval()
    named = weights if layout == "ours" else from_ours(weights, OPENMMLAB)
    model.load_state_dict(dict(named) | extra, strict=False)
    assert model.weights_misfit is None


def test_a_file_of_two_models_is_a_sentence(weights):
    both = renamed(weights, "student.{}".format) | renamed(weights, "teacher.{}".format)
    with pytest.raises(ValueError, match=r"models, under 'student\.' and 'teac"):
        tiny_model().load_state_dict(both)


def without_head(weights):
    return {name: x for name, x in weights.items() if name.startswith("backbone.")}


def deeper(weights):
    last = {x: y for x, y in weights.items() if ".layers.1." in x}
    return weights | {name.replace("s.1.", "s.2."): x for name, x in last.items()}


CLASS_HEAD = (
    r"2 tensor\(s\) of another shape, decode_head\.network\.class_head\.weight "
)


def diverged(weights):
    name = "decode_head.network.class_head.bias"
    return weights | {name: torch.full_like(weights[name], torch.nan)}


INFINITE = r": 1 tensor\(s\) with numbers that are not finite, decode_head\.network\."
MISFITS = {
    "diverged": (diverged, INFINITE),
    "diverged, another layout": (
        lambda x: from_ours(diverged(x), OPENMMLAB),
        INFINITE,
    ),
    "other classes": (
        lambda x: tiny_model(num_classes=9).state_dict(),
        CLASS_HEAD + r"\(6, 32\) from \(10, 32\), decode_head\.net.*bias \(6,\) from",
    ),
    "other classes, another layout": (
        lambda x: from_ours(tiny_model(num_classes=9).state_dict(), OPENMMLAB),
        CLASS_HEAD + r"\(6, 32\) from decode_head\.cls_embed\.weight \(10, 32\), ",
    ),
    "backbone": (
        without_head,
        r": \d\d tensor\(s\) missing in the file, decode_head\.network\.[\w.]+, ",
    ),
    "more layers": (
        deeper,
        r": \d\d tensor\(s\) unknown to the model, decode_head\.[\w.]+\.2\.",
    ),
}


@pytest.mark.parametrize(("change", "message"), MISFITS.values(), ids=MISFITS)
def test_a_model_predicts_nothing_with_weights_that_do_not_fit(
    change, message, weights, tmp_path
):
    """Whoever loaded them, as init_model or a runner of the host."""
    torch.save(change(weights), tmp_path / "in.pth")
    model = tiny_model().eval()
    load_checkpoint(model, str(tmp_path / "in.pth"))
    with pytest.raises(ValueError, match=message):
        model.predict(IMAGE)
    model.train().extract_feat(IMAGE)  # training goes on from what fits
    of_nan = pytest.raises(ValueError, match="The model predicts NaN")
    with of_nan if message == INFINITE else nullcontext():
        model.eval().predict(IMAGE)


def test_training_from_a_file_that_fills_nothing_is_a_sentence(weights):
    model = tiny_model().train()
    names = without_head(weights)
    bare = {x.removeprefix("backbone."): y for x, y in names.items()}
    model.load_state_dict(bare, strict=False)
    message = r"load_from .*fills no tensor of MaskFormerSegmentor.*unknown.*, conv1\.w"
    with pytest.raises(ValueError, match=message):
        model.extract_feat(IMAGE)


@pytest.mark.parametrize("kind", ["other classes", "backbone"])
def test_our_head_in_a_model_of_the_host_looks_after_itself(kind, weights):
    init_default_scope("mmseg")
    model = models.MODELS.build(dict(tiny_config(), type="EncoderDecoder")).eval()
    change, message = MISFITS[kind]
    meta = [dict(ori_shape=(64, 96), img_shape=(64, 96))]
    load_state_dict(model, change(weights))
    message = message.replace("decode_head\\.", "")
    with pytest.raises(ValueError, match=r"MaskFormerHead has loaded.*" + message[:20]):
        model.encode_decode(IMAGE, meta)
    check_weights(model.decode_head.train())  # a file of a backbone is a beginning
    load_state_dict(model.eval(), weights)
    model.encode_decode(IMAGE, meta)


def test_heads_that_only_training_has_are_no_misfit(weights):
    model = tiny_model().eval()
    extra = {"auxiliary_head.conv_seg.weight": ONE, "data_preprocessor.mean": ONE}
    kept = {x: y for x, y in weights.items() if "num_batches_tracked" not in x}
    model.load_state_dict(kept | extra, strict=False)
    assert model.weights_misfit is None


@pytest.mark.parametrize(
    "kind", ["mmseg_maskformer.MaskFormerSegmentor", "EncoderDecoder"]
)
def test_a_tool_refuses_them_when_they_are_loaded(kind, weights, tmp_path):
    """Models of the hosts too; names of wrappers are removed for these as well."""
    init_default_scope("mmseg")
    config = Config(
        dict(model=dict(tiny_config(), type=kind)), cfg_text="-", filename="my.py"
    )
    path = str(tmp_path / "in.pth")
    torch.save(renamed(weights, "model.{}".format), path)
    found = trained_model(config, path).state_dict()
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    torch.save(without_head(weights), path)
    message = r"in\.pth does not fit the model of my\.py: \d\d tensor\(s\) missing.*"
    with pytest.raises(ValueError, match=message + "To train on from what fits"):
        trained_model(config, path)


@pytest.mark.parametrize("way", ["test", "tta", "compare"])
def test_an_evaluation_refuses_them_when_they_are_loaded(way, weights, tmp_path):
    config = Config(
        dict(
            model=tiny_config(),
            default_scope="mmseg",
            work_dir=str(tmp_path),
            test_dataloader=dict(
                dataset=TWO_SCENES, sampler=dict(type="DefaultSampler"), batch_size=1
            ),
            test_evaluator=[],
            test_cfg=dict(type="TestLoop"),
            tta_pipeline=[dict(type="PackSegInputs")],
            custom_hooks=[dict(type="EMAHook")],
            experiment_name=f"fit-{way}",
        ),
        cfg_text="-",
        filename="my.py",
    )
    path = str(tmp_path / "in.pth")
    torch.save(dict(state_dict=without_head(weights)), path)
    if way == "tta":
        enable_tta(config)
    with pytest.raises(ValueError, match=r"in\.pth does not fit the model of my\.py"):
        if way == "compare":
            config.load_from = path
            evaluate(config, SEMANTIC, ProgressHook())
        else:
            evaluating_runner(config, path).test()
