"""The authors' per-pixel baselines load; files of other variants are told apart."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.runner import load_checkpoint

from mmseg_maskformer.checkpoints.convert import (
    FACEBOOKRESEARCH,
    detect_layout,
    from_ours,
    to_ours,
)
from mmseg_maskformer.checkpoints.huggingface_config import model_config
from mmseg_maskformer.checkpoints.huggingface_export import export_to_huggingface
from tests.checkpoints import models

ADE = "r50_8xb2-160k_ade20k-512x512"
KINDS = ["per_pixel_baseline", "per_pixel_baseline_plus"]
CLASSIFIER = "sem_seg_head.predictor"


@pytest.fixture(scope="module")
def shapes(golden):
    """Names and shapes of their R50 MaskFormer of ADE20K."""
    return json.loads(str(np.load(golden / "maskformer_r50_ade20k.npz")["keys"]))


def released(kind, shapes, generation=str, classes=150):
    """Tensors as the authors released them for a baseline, by the spec's table."""
    names = {x: shape for x, shape in shapes.items() if "class_embed" not in x}
    del names["criterion.empty_weight"]  # of MaskFormer's criterion
    if kind == "per_pixel_baseline":
        names = {x: n for x, n in names.items() if not x.startswith(CLASSIFIER)}
        names[f"{CLASSIFIER}.weight"] = (classes, 256, 1, 1)
        names[f"{CLASSIFIER}.bias"] = (classes,)
    else:
        names[f"{CLASSIFIER}.query_embed.weight"] = (classes, 256)
    draw = np.random.RandomState(0)
    return {generation(x): weight(draw, shape) for x, shape in names.items()}


def weight(draw, shape):
    """Of a norm or a bias between 0 and 1; others keep the size of what they see."""
    if len(shape) == 1:
        return draw.rand(*shape).astype(np.float32)
    return (draw.randn(*shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def older(name: str) -> str:
    return name.replace("sem_seg_head.pixel_decoder.", "sem_seg_head.")


@pytest.mark.parametrize("generation", [str, older], ids=["newer", "older"])
@pytest.mark.parametrize(("kind", "count"), [(KINDS[0], 25), (KINDS[1], 142)])
def test_every_tensor_is_used(shapes, kind, count, generation):
    tensors = released(kind, shapes, generation)
    heads = [name for name in tensors if name.startswith("sem_seg_head.")]
    assert (len(heads), len(tensors)) == (count, 265 + count)  # the spec's numbers
    source = {name: torch.from_numpy(x) for name, x in tensors.items()}
    target = models.ours(f"{kind}_{ADE}").state_dict()
    found, report = to_ours(source, target, detect_layout(source))
    assert report.complete
    assert len(report.filled) == len(tensors)
    assert not report.unused
    assert {name.rpartition(".")[2] for name in report.kept} == {"num_batches_tracked"}
    again = from_ours(found, FACEBOOKRESEARCH)
    assert set(again) == set(released(kind, shapes))
    assert all(np.array_equal(again[x], y) for x, y in released(kind, shapes).items())


def load(model, tensors, folder):
    """Load their file through the host's own function; what it logs."""
    path = folder / "model_final_000000.pkl"
    path.write_bytes(pickle.dumps(dict(model=tensors, __author__="a person")))
    load_checkpoint(model, str(path))
    return model.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_their_tensors_make_the_logits(shapes, kind, tmp_path):
    tensors = released(kind, shapes)
    model = load(models.ours(f"{kind}_{ADE}"), tensors, tmp_path)
    network = model.decode_head.network
    features = model.extract_feat(models.odd_image())
    with torch.no_grad():
        found = network(features)
        maps = network.pixel_decoder(features)
        pixels = maps.mask_features
        if kind == "per_pixel_baseline":
            classifier, bias = (
                torch.from_numpy(tensors[f"{CLASSIFIER}.{x}"])
                for x in ("weight", "bias")
            )
            wanted = F.conv2d(pixels, classifier, bias)
        else:
            queries = network.transformer_decoder(maps, network.mask_head)[-1]
            wanted = torch.einsum("bqc,bchw->bqhw", their_mlp(tensors, queries), pixels)
            table = network.transformer_decoder.query_embed.weight.numpy()
            assert np.array_equal(table, tensors[f"{CLASSIFIER}.query_embed.weight"])
    assert wanted.abs().max() > 0.1
    torch.testing.assert_close(found.class_logits(), wanted, rtol=1e-4, atol=1e-4)


def their_mlp(tensors, x):
    """Three linear layers with ReLU between, from their tensors."""
    for layer in range(3):
        name = f"{CLASSIFIER}.mask_embed.layers.{layer}"
        matrix, bias = (torch.from_numpy(tensors[f"{name}.{y}"]) for y in PARTS)
        x = F.linear(x.relu() if layer else x, matrix, bias)
    return x


PARTS = ("weight", "bias")


@pytest.mark.parametrize(
    ("kind", "data", "classes"),
    [
        *((kind, "r50_8xb4-60k_coco-stuff10k-640x640", 171) for kind in KINDS),
        *((kind, "r50_8xb2-200k_ade20k-full-512x512", 847) for kind in KINDS),
    ],
)
def test_files_of_the_other_data_sets_fit_their_configs(shapes, kind, data, classes):
    tensors = released(kind, shapes, classes=classes)
    source = {name: torch.from_numpy(x) for name, x in tensors.items()}
    target = models.ours(f"{kind}_{data}").state_dict()
    assert to_ours(source, target, FACEBOOKRESEARCH)[1].complete


@pytest.fixture(scope="module")
def maskformer():
    """A MaskFormer's tensors under the authors' names."""
    return from_ours(models.ours().state_dict(), FACEBOOKRESEARCH)


def test_a_maskformer_file_in_a_baseline_says_what_is_missing_and_left_over(maskformer):
    target = models.ours(f"per_pixel_baseline_{ADE}").state_dict()
    _, report = to_ours(maskformer, target, FACEBOOKRESEARCH)
    name = "decode_head.network.classifier"
    assert report.missing == [f"{name}.weight", f"{name}.bias"]
    assert len(report.extra) == 144 - 23  # the FPN has 23 of the head's tensors
    assert all(x.startswith(CLASSIFIER) for x in report.extra)


BOX = {
    "decode_head.network.with_boxes": True,
    "decode_head.criterion.loss_bbox": dict(type="BoxL1Loss"),
    "decode_head.criterion.loss_giou": dict(type="GIoULoss"),
}


def test_a_maskformer_file_starts_a_model_with_a_box_head(maskformer, tmp_path):
    tensors = {x: y.numpy() for x, y in maskformer.items()}
    model = models.ours(**BOX)
    before = model.decode_head.network.box_head[0].weight.detach().clone()
    load(model, tensors, tmp_path)
    network = model.decode_head.network
    assert torch.equal(network.box_head[0].weight, before)
    wanted = tensors["sem_seg_head.predictor.class_embed.bias"]
    assert np.array_equal(network.class_head.bias.detach(), wanted)
    target = model.state_dict()
    _, report = to_ours(maskformer, target, FACEBOOKRESEARCH)
    name = "decode_head.network.box_head"
    assert report.missing == [f"{name}.{2 * i}.{x}" for i in range(3) for x in PARTS]
    assert not report.extra
    assert not report.misshaped


def test_a_maskformer_file_without_self_attention_leaves_that_over(
    maskformer, tmp_path
):
    tensors = {x: y.numpy() for x, y in maskformer.items()}
    options = {"decode_head.network.transformer_decoder.self_attention": False}
    model = load(models.ours(**options), tensors, tmp_path)
    wanted = tensors["sem_seg_head.predictor.transformer.decoder.norm.weight"]
    norm = model.decode_head.network.transformer_decoder.norm
    assert np.array_equal(norm.weight.detach(), wanted)
    _, report = to_ours(maskformer, model.state_dict(), FACEBOOKRESEARCH)
    assert not report.missing
    # of six layers two packed projections, two of the output, and a norm
    assert len(report.extra) == 6 * (2 + 2 + 2)
    kinds = {x.split(".")[6] for x in report.extra}
    assert kinds == {"self_attn", "norm1"}


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (f"per_pixel_baseline_{ADE}", {}),
        (f"per_pixel_baseline_plus_{ADE}", {}),
        (f"maskformer_{ADE}", BOX),
        (
            f"maskformer_{ADE}",
            {"decode_head.network.transformer_decoder.self_attention": False},
        ),
    ],
)
def test_variants_cannot_be_written_for_transformers(config, options, tmp_path):
    pytest.importorskip("safetensors")
    model = models.ours(config, **options)
    settings = models.settings(config)
    with pytest.raises(ValueError, match="per-pixel models and other variants cannot"):
        export_to_huggingface(model, settings.model, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_one_query_per_class_is_written_as_a_number():
    one = {"decode_head.network.transformer_decoder.num_queries": None}
    model = models.ours(f"maskformer_{ADE}", **one)
    backbone = models.settings(f"maskformer_{ADE}").model.backbone
    assert model_config(model, backbone)["decoder_config"]["num_queries"] == 150
