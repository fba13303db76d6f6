"""Hugging Face's ``MaskFormerForInstanceSegmentation``, Swin and ResNet backbones.

The names are those of saved files; those of a live model of transformers 5 differ and
are understood too.
"""

import re
from collections.abc import Sequence

from .layout import (
    DECODER_LAYER,
    NETWORK,
    PATCH_MERGING,
    PIXELS,
    QUERIES,
    STACKED,
    Entry,
    Layout,
    module,
)

BACKBONE = "model.pixel_level_module.encoder"
_PIXELS = "model.pixel_level_module.decoder"
_DECODER = "model.transformer_module.decoder"
_LAYER = f"{_DECODER}.layers.{{layer}}"


def _attention(ours: str, theirs: str) -> tuple[Entry, ...]:
    packed = tuple(f"{theirs}.{part}_proj.{{tensor}}" for part in "qkv")
    return (
        Entry(f"{ours}.attention.in_proj_{{tensor}}", packed, STACKED),
        module(f"{ours}.attention.out_proj", f"{theirs}.out_proj"),
        module(f"{ours}.norm", f"{theirs}_layer_norm"),
    )


_NETWORK_TABLE = (
    *(
        module(f"{PIXELS}.coarse_conv.{part}", f"{_PIXELS}.fpn.stem.{part}")
        for part in range(2)
    ),
    *(  # theirs go from coarse to fine
        module(
            f"{PIXELS}.{ours}_convs.{2 - level}.{part}",
            f"{_PIXELS}.fpn.layers.{level}.{theirs}.{part}",
        )
        for level in range(3)
        for ours, theirs in (("lateral", "proj"), ("output", "block"))
        for part in range(2)
    ),
    module(f"{PIXELS}.mask_conv", f"{_PIXELS}.mask_projection"),
    module(f"{QUERIES}.query_embed", "model.transformer_module.queries_embedder"),
    module(f"{QUERIES}.memory_projection", "model.transformer_module.input_projection"),
    *_attention(f"{DECODER_LAYER}.self_attention", f"{_LAYER}.self_attn"),
    *_attention(f"{DECODER_LAYER}.cross_attention", f"{_LAYER}.encoder_attn"),
    module(f"{DECODER_LAYER}.feed_forward.layers.0", f"{_LAYER}.fc1"),
    module(f"{DECODER_LAYER}.feed_forward.layers.3", f"{_LAYER}.fc2"),
    module(f"{DECODER_LAYER}.feed_forward.norm", f"{_LAYER}.final_layer_norm"),
    module(f"{QUERIES}.norm", f"{_DECODER}.layernorm"),
    module(f"{NETWORK}.class_head", "class_predictor"),
    *(
        module(f"{NETWORK}.mask_head.{2 * layer}", f"mask_embedder.{layer}.0")
        for layer in range(3)
    ),
)
_STEM = f"{BACKBONE}.embedder.embedder"
RESNET_TABLE = (
    module("backbone.conv1", f"{_STEM}.convolution"),
    module("backbone.bn1", f"{_STEM}.normalization"),
    *(
        module(
            f"backbone.layer{stage}.{{block}}.{ours}",
            f"{BACKBONE}.encoder.stages.{stage - 1}.layers.{{block}}.{theirs}",
        )
        for stage in range(1, 5)
        for ours, theirs in (
            *((f"conv{i}", f"layer.{i - 1}.convolution") for i in range(1, 4)),
            *((f"bn{i}", f"layer.{i - 1}.normalization") for i in range(1, 4)),
            ("downsample.0", "shortcut.convolution"),
            ("downsample.1", "shortcut.normalization"),
        )
    ),
)


def swin_table(swin: str, norms: Sequence[str]) -> tuple[Entry, ...]:
    """Rows of a Swin transformer.

    Args:
        swin: what their names of the backbone start with.
        norms: their names of the norms after the four stages.
    """
    block = f"{swin}.encoder.layers.{{stage}}.blocks.{{block}}"
    ours = "backbone.stages.{stage}"
    return (
        module(
            "backbone.patch_embed.projection",
            f"{swin}.embeddings.patch_embeddings.projection",
        ),
        module("backbone.patch_embed.norm", f"{swin}.embeddings.norm"),
        module(
            f"{ours}.blocks.{{block}}.attn.w_msa.qkv",
            *(f"{block}.attention.self.{part}" for part in ("query", "key", "value")),
            codec=STACKED,
        ),
        *(
            module(f"{ours}.blocks.{{block}}.{part}", f"{block}.{theirs}")
            for part, theirs in (
                ("norm1", "layernorm_before"),
                ("norm2", "layernorm_after"),
                ("attn.w_msa", "attention.self"),  # relative positions
                ("attn.w_msa.proj", "attention.output.dense"),
                ("ffn.layers.0.0", "intermediate.dense"),
                ("ffn.layers.1", "output.dense"),
            )
        ),
        *(
            module(
                f"{ours}.downsample.{part}",
                f"{swin}.encoder.layers.{{stage}}.downsample.{part}",
                codec=PATCH_MERGING,
            )
            for part in ("reduction", "norm")
        ),
        *(module(f"backbone.norm{i}", norm) for i, norm in enumerate(norms)),
    )


HUGGINGFACE = Layout(
    name="Hugging Face MaskFormer (transformers)",
    mark=r"model\.pixel_level_module\.",
    entries=_NETWORK_TABLE
    + RESNET_TABLE
    + swin_table(
        f"{BACKBONE}.model", [f"{BACKBONE}.hidden_states_norms.{i}" for i in range(4)]
    ),
    renames=((r"_attn\.o_proj\.", "_attn.out_proj."), (r"\.mlp\.fc", ".fc")),
    unused=(
        r"criterion\.empty_weight",
        re.escape(f"{BACKBONE}.model")
        + r"\.layernorm\.\w+",  # their Swin never uses it
    ),
)
