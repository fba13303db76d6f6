"""`load_from` of a runner: foreign weights in, faults by name in its log."""

from __future__ import annotations

import pytest
import torch
from mmengine.runner import load_checkpoint

from mmseg_maskformer.checkpoints.convert import OPENMMLAB, from_ours
from tests.checkpoints import models
from tests.helpers.scenes import tiny_model, tiny_runner


@pytest.fixture
def theirs(tmp_path):
    """A file in OpenMMLab's layout, and our tensors that it was made of."""
    ours = models.randomise(tiny_model()).state_dict()
    path = tmp_path / "theirs.pth"
    torch.save(dict(meta={}, state_dict=from_ours(ours, OPENMMLAB)), path)
    return path, ours


def test_foreign_weights_are_in_the_model_after_training(theirs, tmp_path):
    path, expected = theirs
    found = tiny_runner(tmp_path / "work", path).train().state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_another_number_of_classes_leaves_the_class_head_alone(theirs, tmp_path):
    path, expected = theirs
    run = tiny_runner(tmp_path / "work", path, num_classes=3)
    before = {name: x.clone() for name, x in run.model.state_dict().items()}
    run.load_or_resume()
    found = run.model.state_dict()
    kept = {name for name in found if ".class_head." in name}
    assert len(kept) == 2
    for name, tensor in found.items():
        right = before if name in kept else expected
        assert torch.equal(tensor, right[name]), name
    (log,) = (tmp_path / "work").glob("*/*.log")
    assert (
        "2 of ANOTHER SHAPE: decode_head.network.class_head.weight (4, 32) from "
        "decode_head.cls_embed.weight (6, 32), decode_head.network.class_head.bias "
        "(4,) from decode_head.cls_embed.bias (6,)." in log.read_text()
    )


def test_strict_loading_names_what_is_too_much(theirs):
    path, expected = theirs
    load_checkpoint(tiny_model(), str(path), strict=True)
    state = torch.load(path, weights_only=True)["state_dict"]
    extra = ("decode_head.surprise", "decode_head.query_embed.bias")
    torch.save(state | {name: torch.ones(1) for name in extra}, path)
    with pytest.raises(RuntimeError) as error:
        load_checkpoint(tiny_model(), str(path), strict=True)
    line = next(x for x in str(error.value).splitlines() if "unexpected" in x)
    assert sorted(line.partition(": ")[2].split(", ")) == sorted(extra)
    assert "missing" not in str(error.value)


@pytest.mark.parametrize("kind", ["names of detectron2", "a whole model"])
def test_a_backbone_refuses_a_file_that_would_change_nothing(tmp_path, kind):
    path = tmp_path / "in.pth"
    model = tiny_model()
    theirs = {f"res2.{i}.conv1.weight": torch.ones(1) for i in range(9)}
    torch.save(model.state_dict() if kind == "a whole model" else theirs, path)
    model.backbone.init_cfg = dict(type="Pretrained", checkpoint=str(path))
    with pytest.raises(ValueError, match=r"^0 of the 1\d\d tensors of ResNet.*in\.pth"):
        model.init_weights()


def test_a_backbone_takes_its_part_of_a_whole_model(tmp_path):
    source, target = models.randomise(tiny_model()), tiny_model()
    path = str(tmp_path / "whole.pth")
    torch.save(source.state_dict(), path)
    init = dict(type="Pretrained", checkpoint=path, prefix="backbone.")
    target.backbone.init_cfg = init
    target.init_weights()
    found, expected = (x.backbone.state_dict() for x in (target, source))
    assert all(torch.equal(found[name], expected[name]) for name in expected)
