"""The per-pixel baselines' configs: the paper's numbers, MaskFormer's recipes."""

from __future__ import annotations

import re

import pytest
import torch
from mmengine.config import Config
from mmseg.structures import SegDataSample
from torch import nn

from tests.helpers.configs import CONFIGS, LEAVES, build, trainable, without_values

# Trainable parameters with 150 classes; a class more or less is a row of the
# classifier and its bias, or a query.
BASELINES = {
    "per_pixel_baseline": (31_033_942, 257),
    "per_pixel_baseline_plus": (41_228_736, 256),
}
BASELINE_ROWS = [x for x in LEAVES if x.parts[0] == "per_pixel_baseline"]
FRAGMENTS = Config.fromfile(CONFIGS / "_base_/models/per_pixel_plus.py")
PAPER_ROWS = [x for x in BASELINE_ROWS if "_r50_" in x.stem]


@pytest.mark.parametrize("leaf", PAPER_ROWS, ids=lambda leaf: leaf.stem)
def test_parameters_of_the_baselines_are_those_of_the_paper(leaf):
    config = Config.fromfile(CONFIGS / leaf)
    total, one_class = BASELINES[leaf.stem.split("_r50_")[0]]
    classes = config.model.decode_head.num_classes
    with without_values():
        found = trainable(build(config))
    assert found == total + one_class * (classes - 150)


@pytest.mark.parametrize("leaf", BASELINE_ROWS, ids=lambda leaf: leaf.stem)
def test_baselines_differ_from_maskformer_in_the_head_alone(leaf):
    kind, recipe = re.split("_(?=r\\d|eff)", leaf.stem)
    config = Config.fromfile(CONFIGS / leaf)
    maskformer = Config.fromfile(CONFIGS / f"maskformer/maskformer_{recipe}.py")
    found, wanted = config.to_dict(), maskformer.to_dict()
    for name in FRAGMENTS:
        found.pop(name, None)
    assert found["model"]["decode_head"].pop("criterion") == {"type": "PixelCriterion"}
    network = found["model"]["decode_head"].pop("network")
    assert network.pop("type") == "PerPixelBaseline"
    queries = network.pop("transformer_decoder")
    pixels = wanted["model"]["decode_head"]["network"]["pixel_decoder"]
    assert network == {"pixel_decoder": pixels}
    if kind.endswith("plus"):
        assert queries == {"type": "TransformerDecoder", "num_queries": None}
    else:
        assert queries is None
    for name in ("criterion", "network"):
        del wanted["model"]["decode_head"][name]
    padding = found["model"]["data_preprocessor"]  # none, as in the code of the authors
    assert padding.pop("size_divisor") == padding.pop("test_cfg")["size_divisor"] == 1
    del wanted["model"]["data_preprocessor"]["size_divisor"]
    del wanted["model"]["data_preprocessor"]["test_cfg"]
    assert found == wanted
    assert len(PAPER_ROWS) == 6


@pytest.mark.parametrize("dense", [False, True])
def test_baselines_predict_as_the_authors_do(dense):
    """Logits of the unpadded image, resized by four, cut to its size, then resized."""
    leaf = "per_pixel_baseline/per_pixel_baseline_r50_8xb2-160k_ade20k-512x512.py"
    model = build(Config.fromfile(CONFIGS / leaf)).eval()
    meta = dict(img_shape=(50, 75), ori_shape=(100, 151))
    sample = SegDataSample(metainfo=meta)
    image = torch.randint(256, (3, 50, 75), dtype=torch.uint8)
    given = model.data_preprocessor(dict(inputs=[image], data_samples=[sample]))
    assert given["inputs"].shape == (1, 3, 50, 75)
    model.test_cfg.seg_logits = dense
    (found,) = model.predict(**given)
    features = model.extract_feat(given["inputs"])
    logits = model.decode_head.network(features).class_logits()
    size = dict(mode="bilinear")
    large = nn.functional.interpolate(logits, scale_factor=4, **size)[..., :50, :75]
    wanted = nn.functional.interpolate(large, (100, 151), **size).argmax(1)
    assert (found.pred_sem_seg.data == wanted).float().mean() > 0.9999
