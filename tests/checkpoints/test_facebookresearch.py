"""The authors' files: complete conversion, their outputs, faults by name."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from mmengine.runner import load_checkpoint
from mmseg.structures import SegDataSample

from mmseg_maskformer.adapters.host import prepare_host
from mmseg_maskformer.checkpoints.convert import detect_layout, to_ours
from mmseg_maskformer.checkpoints.files import read_checkpoint
from tests.checkpoints import models

prepare_host()

BIAS = "sem_seg_head.predictor.class_embed.bias"


@pytest.fixture(scope="module")
def released(golden, golden_rule, tmp_path_factory):
    """A file as the authors release it, and the outputs of their model with it."""
    outputs = np.load(golden / "maskformer_r50_ade20k.npz")
    shapes = json.loads(str(outputs["keys"]))
    tensors = {
        name: golden_rule.value(name, tuple(shape)) for name, shape in shapes.items()
    }
    tensors[BIAS] = outputs[f"override/{BIAS}"]
    path = tmp_path_factory.mktemp("released") / "model_final_000000.pkl"
    path.write_bytes(pickle.dumps(dict(model=tensors, __author__="a person")))
    return path, outputs


def relative(found: torch.Tensor, expected: np.ndarray) -> float:
    return float((found - torch.from_numpy(expected)).abs().max() / abs(expected).max())


def test_from_their_file_to_the_label_map(released, golden_rule):
    path, expected = released
    model = models.ours()
    load_checkpoint(model, str(path))
    # as files are read: BGR; the network sees 224 x 288, the answer has 250 x 331
    meta = dict(ori_shape=(250, 331), img_shape=(203, 269))
    pixels = torch.from_numpy(golden_rule.image(203, 269)).flip(0)
    batch = dict(inputs=[pixels], data_samples=[SegDataSample(metainfo=meta)])
    with torch.no_grad():
        batch = model.data_preprocessor(batch)
        found = model.decode_head(model.extract_feat(batch["inputs"]))
        (sample,) = model.predict(**batch)
    assert relative(found.class_logits[-1][0], expected["class_logits"]) < 1e-4
    assert relative(found.class_logits[0][0], expected["aux0_class_logits"]) < 1e-4
    assert relative(found.mask_logits()[0], expected["mask_logits"]) < 1e-4
    labels = sample.pred_sem_seg.data[0].numpy()
    assert (labels == expected["sem_map"]).mean() >= 0.999


def test_a_semantic_model_keeps_the_order_of_a_panoptic_file(released, tmp_path):
    """ADE20K's panoptic models are scored by mIoU, too."""
    (tmp_path / "model_final_7aa977.pkl").symlink_to(released[0])
    model = models.ours()
    load_checkpoint(model, str(tmp_path / "model_final_7aa977.pkl"), strict=True)
    expected = torch.as_tensor(read_checkpoint(released[0])[BIAS])
    assert torch.equal(model.decode_head.network.class_head.bias, expected)


def older(name: str) -> str:
    """The name that the first generation of files gives a tensor."""
    return name.replace("sem_seg_head.pixel_decoder.", "sem_seg_head.")


@pytest.mark.parametrize("generation", [str, older], ids=["newer", "older"])
def test_every_tensor_of_both_generations_is_used(released, generation):
    tensors = read_checkpoint(released[0])
    expected, _ = converted(tensors)
    found, report = converted({generation(name): x for name, x in tensors.items()})
    # 265 of the backbone and 144 of the head; the weights of the class loss are ours
    assert len(report.filled) == 265 + 144
    assert report.complete
    assert report.unused == ["criterion.empty_weight"]
    assert {name.rpartition(".")[2] for name in report.kept} == {"num_batches_tracked"}
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def converted(tensors, **changes):
    layout = detect_layout(tensors)
    return to_ours(tensors, models.ours(**changes).state_dict(), layout)


def resnet_names(depths, deep_stem):
    """Their names of a ResNet's convolutions, from the key table of the release."""
    stem = ["stem.conv1", "stem.conv2", "stem.conv3"] if deep_stem else ["stem.conv1"]
    blocks = [
        f"res{stage}.{block}.{part}"
        for stage, depth in zip(range(2, 6), depths, strict=True)
        for block in range(depth)
        for part in ("conv1", "conv2", "conv3", *["shortcut"][block:])
    ]
    norm = [f"norm.{x}" for x in ("weight", "bias", "running_mean", "running_var")]
    return {
        f"backbone.{conv}.{x}" for conv in [*stem, *blocks] for x in ["weight", *norm]
    }


def swin_names(depths):
    """Their names of a Swin transformer's tensors."""
    both = ("weight", "bias")
    names = {f"patch_embed.{part}.{x}" for part in ("proj", "norm") for x in both}
    for stage, depth in enumerate(depths):
        for block in range(depth):
            name = f"layers.{stage}.blocks.{block}"
            parts = ("norm1", "norm2", "attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
            names |= {f"{name}.{part}.{x}" for part in parts for x in both}
            names |= {f"{name}.attn.relative_position_{x}" for x in TABLES}
        names |= {f"norm{stage}.{x}" for x in both}
        if stage < 3:
            name = f"layers.{stage}.downsample"
            names |= {f"{name}.reduction.weight"} | {f"{name}.norm.{x}" for x in both}
    return {f"backbone.{name}" for name in names}


TABLES = ("bias_table", "index")
BACKBONES = {  # their names, and how many the spec counts
    "r50": (resnet_names((3, 4, 6, 3), False), 265),
    "r101": (resnet_names((3, 4, 23, 3), False), 520),
    "r101c": (resnet_names((3, 4, 23, 3), True), 530),
    "swin-t": (swin_names((2, 2, 6, 2)), 189),
    "swin-s": (swin_names((2, 2, 18, 2)), 357),
}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_tensor_of_every_backbone_is_asked_for_by_its_name(backbone):
    names, count = BACKBONES[backbone]
    assert len(names) == count
    config = f"maskformer_{backbone}_8xb2-160k_ade20k-512x512"
    assert asked_for("backbone.", models.ours(config)) == names


def test_the_encoder_variant_asks_for_216_tensors():
    encoder = {
        "decode_head.network.pixel_decoder.encoder": dict(type="TransformerEncoder")
    }
    names = asked_for("sem_seg_head.", models.ours(**encoder))
    assert len(names) == 216
    stem = "sem_seg_head.pixel_decoder.transformer.encoder.layers.5"
    parts = {name.removeprefix(f"{stem}.") for name in names if name.startswith(stem)}
    assert parts == {
        *("self_attn.in_proj_weight", "self_attn.in_proj_bias"),
        *("self_attn.out_proj.weight", "self_attn.out_proj.bias"),
        *("linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"),
        *("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"),
    }
    assert "sem_seg_head.pixel_decoder.input_proj.weight" in names
    assert not any(name.startswith("sem_seg_head.predictor.input") for name in names)


def asked_for(prefix, model):
    """Their names of all tensors of a model of ours, those under a prefix."""
    from mmseg_maskformer.checkpoints.facebookresearch import FACEBOOKRESEARCH

    names = set()
    for name in model.state_dict():
        rows = list(FACEBOOKRESEARCH.candidates(name))
        if name.endswith("num_batches_tracked"):
            continue
        assert len(rows) == 1, name
        names.update(rows[0][1])
    return {name for name in names if name.startswith(prefix)}


def test_imagenet_weights_of_r101c_reach_the_backbone(tmp_path):
    """A file of a backbone alone, as the config's init_cfg names it."""
    torch.manual_seed(0)
    config = "maskformer_r101c_8xb2-160k_ade20k-512x512"
    init = dict(type="Pretrained", checkpoint=str(tmp_path / "R-103.pkl"))
    model = models.ours(config, **{"backbone.depth": 50, "init_cfg": init})
    names = {name: asked_name(name) for name in model.backbone.state_dict()}
    tensors = {
        name: np.random.rand(*model.backbone.state_dict()[ours].shape)
        for ours, name in names.items()
        if name is not None
    }
    tensors["stem.fc.weight"] = np.ones((1000, 2048))  # the classifier
    (tmp_path / "R-103.pkl").write_bytes(pickle.dumps(dict(model=tensors)))
    head = {name: x.clone() for name, x in model.decode_head.state_dict().items()}
    model.init_weights()
    for ours, name in names.items():
        if name is not None:
            expected = torch.from_numpy(tensors[name]).float()
            assert torch.equal(model.backbone.state_dict()[ours], expected), name
    assert all(
        torch.equal(x, head[n]) for n, x in model.decode_head.state_dict().items()
    )


def asked_name(name):
    """Detectron2's name of a tensor of a backbone alone; None for a counter."""
    from mmseg_maskformer.checkpoints.facebookresearch import DETECTRON2_RESNET

    if name.endswith("num_batches_tracked"):
        return None
    ((_, (found,)),) = DETECTRON2_RESNET.candidates(f"backbone.{name}")
    return found.removeprefix("backbone.")


def test_merging_of_patches_is_reordered():
    # C = 1: theirs (0,0), (1,0), (0,1), (1,1) by row and column; the unfold of ours
    # (0,0), (0,1), (1,0), (1,1)
    from mmseg_maskformer.checkpoints.layout import PATCH_MERGING

    theirs = torch.tensor([[0.0, 10.0, 1.0, 11.0]])
    ours = PATCH_MERGING.join([theirs])
    assert ours.tolist() == [[0.0, 1.0, 10.0, 11.0]]
    # C = 2: theirs has the channels of a pixel together, ours the pixels of a channel
    theirs = torch.arange(8.0)  # pixel p, channel c: 2 p + c
    assert PATCH_MERGING.join([theirs]).tolist() == [0, 4, 2, 6, 1, 5, 3, 7]
    assert torch.equal(PATCH_MERGING.split(PATCH_MERGING.join([theirs]), 1)[0], theirs)


def test_faults_are_named(released):
    tensors = read_checkpoint(released[0])
    del tensors["sem_seg_head.predictor.query_embed.weight"]
    # unknown; and a second tensor for the place of one that is there
    extra = ("sem_seg_head.predictor.surprise", "sem_seg_head.mask_features.bias")
    tensors = {extra[1]: torch.zeros(256), **tensors, extra[0]: torch.zeros(1)}
    tensors["backbone.res2.0.conv1.weight"] = torch.zeros(64, 32, 1, 1)
    _, report = converted(tensors)
    ours = "decode_head.network.transformer_decoder.query_embed.weight"
    assert report.missing == [ours]
    assert sorted(report.extra) == sorted(extra)
    assert [str(x) for x in report.misshaped] == [
        "backbone.layer1.0.conv1.weight (64, 64, 1, 1) from "
        "backbone.res2.0.conv1.weight (64, 32, 1, 1)"
    ]
    for name in (ours, *extra, "(64, 32, 1, 1)"):
        assert name in str(report)
