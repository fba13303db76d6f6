"""Names of Mask2Former's files in all layouts, and models of the other family."""

from __future__ import annotations

import re

import pytest
import torch

from mmseg_maskformer.checkpoints.convert import (
    check_family,
    detect_layout,
    from_ours,
    to_ours,
)
from mmseg_maskformer.checkpoints.layout import MASK2FORMER, MASKFORMER
from mmseg_maskformer.checkpoints.mask2former import (
    FACEBOOKRESEARCH_MASK2FORMER,
    HUGGINGFACE_MASK2FORMER,
    OPENMMLAB_MASK2FORMER,
)
from tests.helpers.mask2former import SMALL, mmdet_model, mmseg_model, segmentor
from tests.weights import randomise

LAYOUTS = (
    FACEBOOKRESEARCH_MASK2FORMER,
    OPENMMLAB_MASK2FORMER,
    HUGGINGFACE_MASK2FORMER,
)


@pytest.mark.mmdet
@pytest.mark.parametrize(("peer", "classes"), [(mmdet_model, 133), (mmseg_model, 150)])
def test_every_tensor_of_openmmlab_has_its_place(peer, classes):
    with torch.device("meta"):
        theirs, ours = peer().state_dict(), segmentor(classes).state_dict()
    layout = detect_layout(theirs)
    assert layout is OPENMMLAB_MASK2FORMER
    found, report = to_ours(theirs, ours, layout)
    assert report.complete
    assert len(found) == len(theirs) == 318 + 292  # ResNet-50 and the head


def same(name):
    return name


def static_query(name):
    """The older name of the learned content in the authors' files."""
    return name.replace(".query_feat.", ".static_query.")


def numbered(name):
    """A name of MMDetection 2, whose parts stand in the order of their use."""
    if name.startswith("backbone."):
        return name
    name = re.sub(r"(encoder\.layers\.\d)\.self_attn", r"\1.attentions.0", name)
    for part, number in (("cross_attn", 0), ("self_attn", 1)):
        name = name.replace(f".{part}.attn.", f".attentions.{number}.attn.")
    return name.replace(".ffn.layers.", ".ffns.0.layers.")


@pytest.mark.parametrize(
    ("layout", "older"),
    [
        *((layout, same) for layout in LAYOUTS),
        (FACEBOOKRESEARCH_MASK2FORMER, static_query),
        (OPENMMLAB_MASK2FORMER, numbered),
    ],
    ids=lambda x: getattr(x, "name", None) or x.__name__,
)
def test_round_trip_changes_no_bit(layout, older):
    torch.manual_seed(0)
    start = randomise(segmentor(3, **SMALL)).state_dict()
    written = {older(x): y for x, y in from_ours(start, layout).items()}
    assert detect_layout(written) is layout
    back, report = to_ours(written, start, layout)
    assert report.complete
    assert not report.kept
    assert back.keys() == start.keys()
    assert all(torch.equal(back[name], start[name]) for name in start)
    changed = len(written.keys() - from_ours(start, layout).keys())
    assert changed == {same: 0, static_query: 1, numbered: 72}[older]


FILES = {  # a name that both families' files have, and two of Mask2Former alone
    "authors": (
        "sem_seg_head.pixel_decoder.mask_features.weight",
        "sem_seg_head.pixel_decoder.transformer.level_embed",
        "sem_seg_head.predictor.static_query.weight",
    ),
    "OpenMMLab": (
        "decode_head.query_embed.weight",
        "decode_head.pixel_decoder.level_encoding.weight",
        "decode_head.level_embed.weight",
    ),
    "OpenMMLab, panoptic": (
        "panoptic_head.query_embed.weight",
        "panoptic_head.pixel_decoder.level_encoding.weight",
        "panoptic_head.level_embed.weight",
    ),
    "Hugging Face": (
        "model.pixel_level_module.encoder.embeddings.norm.weight",
        "model.pixel_level_module.decoder.level_embed",
        "model.transformer_module.level_embed.weight",
    ),
    "ours": (
        "decode_head.network.class_head.weight",
        *2 * ("decode_head.network.transformer_decoder.level_embed.weight",),
    ),
}


@pytest.mark.parametrize("names", FILES.values(), ids=FILES)
def test_a_model_of_the_other_family_is_refused(names):
    shared, *own = names
    ours = FILES["ours"]
    models = {MASKFORMER: ours[:1], MASK2FORMER: ours}
    files = {MASKFORMER: [shared, "backbone.level_embed"]}
    for name in own:
        files[MASK2FORMER] = [shared, name]
        for found, file in files.items():
            layout = detect_layout(file)
            check_family(file, models[found], layout)
            (wanted,) = models.keys() - {found}
            message = (
                rf"holds a {found}, but the model of the config is a {wanted}\. Take a "
                rf"config of configs/{found.lower()}, or weights of a {wanted}\."
            )
            with pytest.raises(ValueError, match=message):
                check_family(file, models[wanted], layout)


def test_a_backbone_alone_suits_both_families():
    file = {"stem.conv1.weight": torch.zeros(1)}
    for model in (FILES["ours"], FILES["ours"][:1]):
        check_family(file, model, detect_layout(file))
