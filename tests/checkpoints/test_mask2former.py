"""Mask2Former's files in all layouts, and models of the other family."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

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
from tests.checkpoints import models
from tests.checkpoints.test_huggingface import STAGES

R50 = "maskformer_r50_8xb2-160k_ade20k-512x512"
LAYOUTS = (
    FACEBOOKRESEARCH_MASK2FORMER,
    OPENMMLAB_MASK2FORMER,
    HUGGINGFACE_MASK2FORMER,
)


def masked(num_classes, pixels=None, queries=None, **changes):
    """A Mask2Former of ours, R50 and as the authors' where nothing is said."""
    parts = dict(
        pixel_decoder=dict(type="MSDeformAttnPixelDecoder", **pixels or {}),
        transformer_decoder=dict(type="MaskedTransformerDecoder", **queries or {}),
    )
    init_default_scope("mmseg")
    config = models.settings(R50)
    config.merge_from_dict({f"model.{name}": x for name, x in changes.items()})
    config.model.decode_head.update(num_classes=num_classes, **parts)
    return MODELS.build(config.model).eval()


def on_meta(num_classes, **changes):
    """The same without values."""
    with torch.device("meta"):
        return masked(num_classes, **changes)


@pytest.fixture(scope="module")
def released(golden, golden_rule, tmp_path_factory):
    """A file as the authors release it, and the outputs of their model with it."""
    outputs = np.load(golden / "mask2former_panoptic_coco_r50.npz")
    shapes = json.loads(str(outputs["keys"]))
    layout = FACEBOOKRESEARCH_MASK2FORMER
    initial = from_ours(masked(133).state_dict(), layout)
    tensors = {}
    for name, shape in shapes.items():
        override = f"override/{name}"
        if override in outputs.files:
            tensors[name] = outputs[override]
        elif not name.endswith(golden_rule.KEPT):
            tensors[name] = golden_rule.value(name, tuple(shape))
        elif name in initial:
            tensors[name] = initial[name].numpy()
    path = tmp_path_factory.mktemp("released") / "model_final_000000.pkl"
    path.write_bytes(pickle.dumps(dict(model=tensors, __author__="a person")))
    return path, tensors, outputs


def largest(found, expected):
    return float((found - torch.from_numpy(expected)).abs().max())


def test_from_the_authors_file_to_the_label_map(released, golden_rule):
    path, _, expected = released
    model = masked(133)
    load_checkpoint(model, str(path), strict=True)
    # as files are read: BGR; the network sees 224 x 288, the answer has 250 x 331
    meta = dict(ori_shape=(250, 331), img_shape=(203, 269))
    pixels = torch.from_numpy(golden_rule.image(203, 269)).flip(0)
    batch = dict(inputs=[pixels], data_samples=[SegDataSample(metainfo=meta)])
    with torch.no_grad():
        batch = model.data_preprocessor(batch)
        found = model.decode_head(model.extract_feat(batch["inputs"]))
        (sample,) = model.predict(**batch)
    first = expected["aux0_class_logits"]
    assert largest(found.class_logits[0][0], first) < 1e-5 * abs(first).max()
    assert largest(found.class_logits[-1][0], expected["class_logits"]) < 0.1
    assert largest(found.mask_logits()[0], expected["mask_logits"]) < 0.02
    labels = sample.pred_sem_seg.data[0].numpy()
    assert (labels == expected["sem_map"]).mean() >= 0.999
    scores = model.predict(**batch)[0].seg_logits.data[:, ::16, ::16]
    assert largest(scores, expected["sem_scores"]) < 1e-3


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
