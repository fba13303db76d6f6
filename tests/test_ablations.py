"""Rows of Mask2Former's ablations: settings and FLOPs (docs/mask2former.md)."""

from __future__ import annotations

import re
from functools import cache

import pytest
import torch

from benchmark_lib.complexity import count_network
from mmseg_maskformer.adapters.build import build_network, build_part
from mmseg_maskformer.core.mask_comparison import DenseMasks, PointMasks
from tests.helpers.ablations import (
    ABLATION_ROWS,
    ABLATIONS,
    COCO_CONFIG,
    MASK2FORMER_PAGE,
    QUERY_COUNTS,
    read_ablation,
)

PYRAMIDS = ("FPN", "Semantic FPN", "BiFPN")


@cache
def built(path, options=""):
    """Network and criterion of a head of 133 classes, without values."""
    head = read_ablation(path, options).model.decode_head
    with torch.device("meta"):
        network = build_network(head.network, head.in_channels, 133)
    return network.eval().requires_grad_(False), build_part(head.criterion)


def described(network, criterion):
    """What the rows vary."""
    decoder, masks = network.transformer_decoder, criterion.masks
    match = criterion.assigner.masks or masks
    return dict(
        decoder=(decoder.attention, decoder.levels, decoder.joined_levels),
        queries=(decoder.num_queries, decoder.content),
        layer=(decoder.cross_first, decoder.layers[0].self_attention.dropout.p),
        pixels=type(network.pixel_decoder).__name__,
        encoder=getattr(network.pixel_decoder, "encoder", None) is not None,
        masks=(type(match), type(masks)),
    )


USUAL = dict(
    decoder=("masked", (0, 1, 2), False),
    queries=(100, "supervised"),
    layer=(True, 0.0),
    pixels="MSDeformAttnPixelDecoder",
    encoder=True,
    masks=(PointMasks, PointMasks),
)
EXPECTED = {
    "plain attention": dict(decoder=("plain", (0, 1, 2), False)),
    "SMCA": dict(decoder=("gaussian", (0, 1, 2), False)),
    "mask pooling": dict(decoder=("pooling", (0, 1, 2), False)),
    "single scale 1/32": dict(decoder=("masked", (0,), False)),
    "single scale 1/16": dict(decoder=("masked", (1,), False)),
    "single scale 1/8": dict(decoder=("masked", (2,), False)),
    "naive multi-scale": dict(decoder=("masked", (0, 1, 2), True)),
    "zero queries": dict(queries=(100, "zero")),
    "learned, not supervised": dict(queries=(100, "learned")),
    "self-attention first": dict(layer=(False, 0.0)),
    "dropout": dict(layer=(True, 0.1)),
    "all three": dict(queries=(100, "zero"), layer=(False, 0.1)),
    **{f"{n} queries": dict(queries=(n, "supervised")) for n in QUERY_COUNTS},
    "match by mask, loss by mask": dict(masks=(DenseMasks, DenseMasks)),
    "match by mask, loss by point": dict(masks=(DenseMasks, PointMasks)),
    "match by point, loss by mask": dict(masks=(PointMasks, DenseMasks)),
    "FPN": dict(pixels="FPNPixelDecoder"),
    "Semantic FPN": dict(pixels="SemanticFPNPixelDecoder", encoder=False),
    "BiFPN": dict(pixels="BiFPNPixelDecoder", encoder=False),
}


def test_the_page_has_every_row():
    assert sorted(ABLATION_ROWS) == sorted(EXPECTED)


@pytest.mark.parametrize("name", ABLATION_ROWS)
def test_a_row_is_what_it_says_on_coco(name):
    """And with it on every data set: the model is the same."""
    assert described(*built(COCO_CONFIG, ABLATION_ROWS[name])) == USUAL | EXPECTED[name]


@pytest.mark.parametrize("name", PYRAMIDS)
def test_configurations_of_pixel_decoders_are_the_settings(name):
    kind = name.lower().replace(" ", "-")
    path = f"{ABLATIONS}/mask2former_r50-{kind}_8xb2-lsj-50e_coco-panoptic.py"
    ours, theirs = (built(*x)[0] for x in ((path,), (COCO_CONFIG, ABLATION_ROWS[name])))
    assert str(ours) == str(theirs)


def test_costs_mirror_the_losses_wherever_masks_are_matched():
    """2, 5 and 5, and not what an assigner by itself has."""
    _, criterion = built(COCO_CONFIG, ABLATION_ROWS["match by mask, loss by point"])
    assigner = criterion.assigner
    assert [x.weight for x in assigner.class_costs] == [2.0]
    assert [x.weight for x in assigner.mask_costs] == [5.0, 5.0]


# GFLOPs of the paper
PAPER = {
    "Mask2Former": 226,
    "plain attention": 213,
    "SMCA": 213,
    "mask pooling": 217,
    "single scale 1/32": 218,
    "single scale 1/16": 222,
    "single scale 1/8": 239,
    "naive multi-scale": 247,
    "zero queries": 226,
    "self-attention first": 226,
    "FPN": 195,
    "Semantic FPN": 258,
    "BiFPN": 204,
    "50 queries": 217,
    "200 queries": 246,
    "300 queries": 265,
    "1000 queries": 405,
}
BACKBONE = 70_899_302_400  # ResNet-50 at 800 x 1088; tools/analysis/complexity.py


@cache
def multiply_adds(name):
    """Of a row at 800 x 1088, counted as in the paper."""
    network, _ = built(COCO_CONFIG, ABLATION_ROWS.get(name, ""))
    strides = (4, 8, 16, 32)
    features = [
        torch.empty(1, width, 800 // stride, 1088 // stride, device="meta")
        for width, stride in zip((256, 512, 1024, 2048), strides, strict=True)
    ]
    parts = dict(backbone=BACKBONE)
    count_network(parts, network, features, (800, 1088), as_mask2former=True)
    return sum(parts.values())


@pytest.mark.parametrize("name", [x for x in PAPER if x != "Mask2Former"])
def test_flops_are_those_of_the_page_and_near_the_paper(name):
    found = multiply_adds(name) / multiply_adds("Mask2Former")
    wanted = PAPER[name] / PAPER["Mask2Former"]
    rows = re.findall(rf"^\| {re.escape(name)} \|.*$", MASK2FORMER_PAGE, re.M)
    cells = [[x.strip() for x in row.split("|")][-4:-2] for row in rows]
    printed = {tuple(map(float, x)) for x in cells if all(x)}
    assert printed == {(round(wanted, 3), round(found, 3))}
    if name != "BiFPN":  # not released, and six rounds are our reading
        assert found == pytest.approx(wanted, rel=0.01)
