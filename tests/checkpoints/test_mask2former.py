"""Mask2Former's files in all layouts, and models of the other family."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.checkpoints.convert import check_family, detect_layout
from mmseg_maskformer.checkpoints.layout import MASK2FORMER, MASKFORMER

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
