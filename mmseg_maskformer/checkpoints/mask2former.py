"""Mask2Former's names: ours beside the authors', OpenMMLab's and Hugging Face's.

The authors' files call the learned content of queries ``query_feat`` or, the older
ones, ``static_query``. Those of OpenMMLab come from MMDetection and MMSegmentation,
before and since version 3.0 of the former.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .facebookresearch import ENCODER_TABLE, FPN_TABLE, OLDER, UNUSED
from .facebookresearch import RESNET_TABLE as DETECTRON2_RESNET_TABLE
from .facebookresearch import SWIN_TABLE as DETECTRON2_SWIN_TABLE
from .huggingface import BACKBONE, RESNET_TABLE, swin_table
from .layout import (
    DECODER_LAYER,
    MASK2FORMER,
    NETWORK,
    PIXELS,
    QUERIES,
    SAME,
    STACKED,
    Entry,
    Layout,
)
from .openmmlab import RENAMES

_ATTENTION = "attention.{layer}"
_FEED_FORWARD = "feed_forward.{layer}"
_CROSS, _SELF, _FFN = (
    f"transformer_{part}_layers.{{layer}}"
    for part in ("cross_attention", "self_attention", "ffn")
)
_LAYER = "transformer_decoder.layers.{layer}"  # of OpenMMLab
_HF_LAYER = "decoder.layers.{layer}"

# Modules of the pixel decoder: ours, the authors', OpenMMLab's, Hugging Face's.
_PIXEL_MODULES = (
    *(
        (f"{PIXELS}.{ours}.{part}", f"{authors}{norm}", f"{mm}.{name}", f"{hf}.{part}")
        for ours, authors, mm, hf in (
            ("lateral_convs.0", "adapter_1", "lateral_convs.0", "adapter_1"),
            ("output_convs.0", "layer_1", "output_convs.0", "layer_1"),
        )
        for part, norm, name in ((0, "", "conv"), (1, ".norm", "gn"))
    ),
    *(
        (
            f"{PIXELS}.input_convs.{{level}}.{part}",
            f"input_proj.{{level}}.{part}",
            f"input_convs.{{level}}.{name}",
            f"input_projections.{{level}}.{part}",
        )
        for part, name in ((0, "conv"), (1, "gn"))
    ),
    *(
        (
            f"{PIXELS}.encoder.{ours}",
            f"transformer.encoder.layers.{{layer}}.{authors}",
            f"encoder.layers.{{layer}}.{mm}",
            f"encoder.layers.{{layer}}.{hf}",
        )
        for ours, authors, mm, hf in (
            *(
                (f"{_ATTENTION}.attention.{part}", *3 * (f"self_attn.{part}",))
                for part in (
                    "sampling_offsets",
                    "attention_weights",
                    "value_proj",
                    "output_proj",
                )
            ),
            (f"{_ATTENTION}.norm", "norm1", "norms.0", "self_attn_layer_norm"),
            (f"{_FEED_FORWARD}.layers.0", "linear1", "ffn.layers.0.0", "fc1"),
            (f"{_FEED_FORWARD}.layers.3", "linear2", "ffn.layers.1", "fc2"),
            (f"{_FEED_FORWARD}.norm", "norm2", "norms.1", "final_layer_norm"),
        )
    ),
    (f"{PIXELS}.mask_conv", "mask_features", "mask_feature", "mask_projection"),
)
# Modules of the transformer decoder, in the same order.
_QUERY_MODULES = (
    ("query_content", "query_feat", "query_feat", "queries_features"),
    ("query_embed", "query_embed", "query_embed", "queries_embedder"),
    ("level_embed", "level_embed", "level_embed", "level_embed"),
    (
        "memory_projections.{level}",
        "input_proj.{level}",
        "decoder_input_projs.{level}",
        "input_projections.{level}",
    ),
    ("norm", "decoder_norm", "transformer_decoder.post_norm", "decoder.layernorm"),
    *(
        (f"layers.{{layer}}.{ours}", authors, f"{_LAYER}.{mm}", f"{_HF_LAYER}.{hf}")
        for ours, authors, mm, hf in (
            (
                "cross_attention.attention.out_proj",
                f"{_CROSS}.multihead_attn.out_proj",
                "cross_attn.attn.out_proj",
                "cross_attn.out_proj",
            ),
            (
                "cross_attention.norm",
                f"{_CROSS}.norm",
                "norms.0",
                "cross_attn_layer_norm",
            ),
            (
                "self_attention.attention.out_proj",
                f"{_SELF}.self_attn.out_proj",
                "self_attn.attn.out_proj",
                "self_attn.out_proj",
            ),
            ("self_attention.norm", f"{_SELF}.norm", "norms.1", "self_attn_layer_norm"),
            ("feed_forward.layers.0", f"{_FFN}.linear1", "ffn.layers.0.0", "fc1"),
            ("feed_forward.layers.3", f"{_FFN}.linear2", "ffn.layers.1", "fc2"),
            ("feed_forward.norm", f"{_FFN}.norm", "norms.2", "final_layer_norm"),
        )
    ),
)
_LEVELS = f"{PIXELS}.encoder.level_embed"


def _table(
    column: int, pixels: str, queries: str, tensors: Sequence[Sequence[str]]
) -> tuple[Entry, ...]:
    """Rows of one implementation.

    Args:
        column: of the tables of modules.
        pixels: what its names of the pixel decoder's modules start with.
        queries: the same of the transformer decoder's.
        tensors: rows that are in no module's name: ours, and theirs, several where
            ours is made of them.
    """
    modules = [
        *((row[0], f"{pixels}.{row[column]}") for row in _PIXEL_MODULES),
        *(
            (f"{QUERIES}.{row[0]}", f"{queries}.{row[column]}")
            for row in _QUERY_MODULES
        ),
    ]
    named = [(f"{ours}.{{tensor}}", f"{theirs}.{{tensor}}") for ours, theirs in modules]
    return tuple(
        Entry(ours, tuple(theirs), STACKED if len(theirs) > 1 else SAME)
        for ours, *theirs in (*tensors, *named)
    )


def _packed(attention: str, theirs: str) -> tuple[str, str]:
    """Row of the projections of queries, keys and values, in one tensor here."""
    ours = f"{DECODER_LAYER}.{attention}.attention.in_proj_{{tensor}}"
    return ours, f"{theirs}.in_proj_{{tensor}}"


def _heads(classes: str, masks: str, step: int = 1) -> tuple[tuple[str, str], ...]:
    """Rows of the two heads.

    Args:
        classes: their name of the linear layer of classes.
        masks: that of a linear layer of masks, with ``{}`` for its number.
        step: from one of these numbers to the next.
    """
    return (
        (f"{NETWORK}.class_head.{{tensor}}", f"{classes}.{{tensor}}"),
        *(
            (
                f"{NETWORK}.mask_head.{2 * i}.{{tensor}}",
                f"{masks.format(step * i)}.{{tensor}}",
            )
            for i in range(3)
        ),
    )


_AUTHORS = "sem_seg_head.predictor"
FACEBOOKRESEARCH_MASK2FORMER = Layout(
    name="facebookresearch Mask2Former (detectron2)",
    mark=r"sem_seg_head\.(predictor\.(transformer_cross_attention_layers|level_embed"
    r"|query_feat|static_query)|(pixel_decoder\.)?transformer\.level_embed)",
    entries=(
        *_table(
            1,
            pixels="sem_seg_head.pixel_decoder",
            queries=_AUTHORS,
            tensors=(
                (_LEVELS, "sem_seg_head.pixel_decoder.transformer.level_embed"),
                _packed("cross_attention", f"{_AUTHORS}.{_CROSS}.multihead_attn"),
                _packed("self_attention", f"{_AUTHORS}.{_SELF}.self_attn"),
                *_heads(
                    f"{_AUTHORS}.class_embed", f"{_AUTHORS}.mask_embed.layers.{{}}"
                ),
            ),
        ),
        *FPN_TABLE,  # the other pixel decoders of their release
        *ENCODER_TABLE,
        *DETECTRON2_RESNET_TABLE,
        *DETECTRON2_SWIN_TABLE,
    ),
    renames=(OLDER, (r"\.static_query\.", ".query_feat.")),
    unused=UNUSED,
    family=MASK2FORMER,
)
OPENMMLAB_MASK2FORMER = Layout(
    name="OpenMMLab Mask2Former (mmseg, mmdet)",
    mark=r"(decode|panoptic)_head\.(query_feat|level_embed|pixel_decoder\."
    r"(level_encoding|input_convs))\.",
    entries=(
        *_table(
            2,
            pixels="decode_head.pixel_decoder",
            queries="decode_head",
            tensors=(
                (_LEVELS, "decode_head.pixel_decoder.level_encoding.weight"),
                _packed("cross_attention", f"decode_head.{_LAYER}.cross_attn.attn"),
                _packed("self_attention", f"decode_head.{_LAYER}.self_attn.attn"),
                *_heads("decode_head.cls_embed", "decode_head.mask_embed.{}", step=2),
            ),
        ),
        Entry("backbone.{rest}", ("backbone.{rest}",)),
    ),
    renames=(
        # by number, in the order of use: cross-attention comes first in this decoder
        (r"(transformer_decoder\.layers\.\d+)\.attentions\.0\.", r"\1.cross_attn."),
        (r"(transformer_decoder\.layers\.\d+)\.attentions\.1\.", r"\1.self_attn."),
        *RENAMES,
    ),
    unused=(r"decode_head\.conv_seg\..*",),
    family=MASK2FORMER,
)
_HUGGINGFACE = "model.transformer_module"
_SELF_ATTENTION = f"{_HUGGINGFACE}.{_HF_LAYER}.self_attn"
HUGGINGFACE_MASK2FORMER = Layout(
    name="Hugging Face Mask2Former (transformers)",
    mark=r"model\.(transformer_module\.(queries_features|level_embed|decoder\."
    r"mask_predictor)|pixel_level_module\.decoder\.(level_embed|input_projections))",
    entries=(
        *_table(
            3,
            pixels="model.pixel_level_module.decoder",
            queries=_HUGGINGFACE,
            tensors=(
                (_LEVELS, "model.pixel_level_module.decoder.level_embed"),
                _packed("cross_attention", f"{_HUGGINGFACE}.{_HF_LAYER}.cross_attn"),
                (
                    f"{DECODER_LAYER}.self_attention.attention.in_proj_{{tensor}}",
                    *(f"{_SELF_ATTENTION}.{x}_proj.{{tensor}}" for x in "qkv"),
                ),
                *_heads(
                    "class_predictor",
                    f"{_HUGGINGFACE}.decoder.mask_predictor.mask_embedder.{{}}.0",
                ),
            ),
        ),
        *RESNET_TABLE,
        *swin_table(
            BACKBONE,
            [f"{BACKBONE}.hidden_states_norms.stage{i}" for i in range(1, 5)],
        ),
    ),
    renames=(  # from a live model of transformers 5 to its saved file
        (re.escape(BACKBONE) + r"\.swin\.", f"{BACKBONE}."),
        (r"(blocks\.\d+\.attention)\.q_proj\.", r"\1.self.query."),
        (r"(blocks\.\d+\.attention)\.k_proj\.", r"\1.self.key."),
        (r"(blocks\.\d+\.attention)\.v_proj\.", r"\1.self.value."),
        (r"(blocks\.\d+\.attention)\.o_proj\.", r"\1.output.dense."),
        (r"(blocks\.\d+\.attention)\.relative_position_bias\.", r"\1.self."),
        (r"(blocks\.\d+)\.mlp\.fc1\.", r"\1.intermediate.dense."),
        (r"(blocks\.\d+)\.mlp\.fc2\.", r"\1.output.dense."),
        (r"_attn\.o_proj\.", "_attn.out_proj."),
        (r"\.mlp\.fc", ".fc"),
    ),
    unused=(
        r"criterion\.empty_weight",
        re.escape(BACKBONE) + r"\.layernorm\.\w+",  # their Swin never uses it
    ),
    family=MASK2FORMER,
)
