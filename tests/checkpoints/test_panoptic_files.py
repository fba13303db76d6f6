"""Panoptic weights of the authors and of Hugging Face in a detector of ours."""

from __future__ import annotations

import pickle
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint

pytest.importorskip("mmdet")

from mmdet.registry import MODELS

from mmseg_maskformer.checkpoints import loading
from mmseg_maskformer.checkpoints.convert import from_ours, to_ours
from mmseg_maskformer.checkpoints.facebookresearch import FACEBOOKRESEARCH
from mmseg_maskformer.checkpoints.huggingface import HUGGINGFACE
from mmseg_maskformer.checkpoints.huggingface_config import model_config
from tests.checkpoints import models

pytestmark = pytest.mark.mmdet
COCO = "maskformer_r50-6enc_64xb1-554k_coco-panoptic"
ADE = "maskformer_r50-6enc_8xb2-720k_ade20k-panoptic-640x640"
SWIN = "maskformer_swin-t_64xb1-554k_coco-panoptic"


def config(name):
    init_default_scope("mmdet")
    found = Config.fromfile(models.CONFIGS / f"maskformer/{name}.py")
    found.model.backbone.init_cfg = None
    return found


def detector(name, seed=0):
    torch.manual_seed(seed)
    return models.randomise(MODELS.build(config(name).model))


@pytest.mark.parametrize(
    ("name", "file", "reordered", "warned"),
    [
        (COCO, "model_final_6f60dc.pkl", False, False),
        (ADE, "model_final_7aa977.pkl", True, False),
        (ADE, "model_final_0b3cc8.pkl", True, False),
        (ADE, "mine.pkl", False, True),
    ],
)
def test_the_authors_file_fills_a_detector(
    name, file, reordered, warned, tmp_path, monkeypatch
):
    said = []
    monkeypatch.setattr(loading, "print_log", lambda text, **_: said.append(text))
    source, target = detector(name, seed=0), detector(name, seed=1)
    theirs = from_ours(source.state_dict(), FACEBOOKRESEARCH)
    arrays = {  # their frozen norms count no batches
        key: tensor.numpy()
        for key, tensor in theirs.items()
        if not key.endswith("num_batches_tracked")
    }
    assert len(arrays) == 265 + 216  # R50, and the head with the encoder
    (tmp_path / file).write_bytes(pickle.dumps(dict(model=arrays)))
    load_checkpoint(target, str(tmp_path / file), strict=True)
    order = f"The classes of {file} are put in our order, things before stuff."
    unknown = f"{file} is no name of a released file, .* 100 things before 50 stuff"
    account = "facebookresearch MaskFormer"
    patterns = [*[order] * reordered, account, *[unknown] * warned]
    assert len(said) == len(patterns) and all(map(re.match, patterns, said))
    head = "decode_head.network.class_head"
    expected, found = source.state_dict(), target.state_dict()
    for key, tensor in expected.items():
        if not (reordered and key.startswith(head)):
            assert torch.equal(found[key], tensor), key
    if reordered:
        # class 0 of ours is the first thing, bed, semantic class 7; class 100 is the
        # first stuff, wall, semantic class 0; 149 is the last stuff, 145; 150 no object
        for ours, semantic in ((0, 7), (1, 8), (100, 0), (149, 145), (150, 150)):
            for part in ("weight", "bias"):
                row = found[f"{head}.{part}"][ours]
                assert torch.equal(row, expected[f"{head}.{part}"][semantic])


def test_a_panoptic_swin_goes_to_hugging_face_and_comes_back():
    model = detector(SWIN)
    source = model.state_dict()
    theirs = from_ours(source, HUGGINGFACE)
    back, report = to_ours(theirs, source, HUGGINGFACE)
    assert report.complete
    assert all(torch.equal(back[key], source[key]) for key in back)
    written = model_config(model, config(SWIN).model.backbone)
    assert len(written["id2label"]) == 133
    assert written["backbone_config"]["depths"] == [2, 2, 6, 2]


def test_the_encoder_has_no_counterpart_at_hugging_face():
    with pytest.raises(ValueError, match=r"encoder"):
        from_ours(detector(COCO).state_dict(), HUGGINGFACE)


def test_weights_of_a_semantic_model_fill_all_but_the_classes():
    """The two kinds of models name their tensors alike."""
    semantic = models.ours("maskformer_swin-t_8xb2-160k_ade20k-512x512").state_dict()
    panoptic = detector(SWIN).state_dict()
    assert semantic.keys() == panoptic.keys()
    differing = {k for k in panoptic if panoptic[k].shape != semantic[k].shape}
    head = "decode_head.network.class_head"
    assert differing == {f"{head}.weight", f"{head}.bias"}  # 150 and 133 classes
