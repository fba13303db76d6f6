"""The authors' release (detectron2 ``.pkl`` files); its weights are CC BY-NC 4.0.

Both key generations: the older one has the tensors of the pixel decoder directly under
``sem_seg_head.``.
"""

from .layout import (
    DECODER_LAYER,
    NETWORK,
    PATCH_MERGING,
    PIXELS,
    QUERIES,
    Entry,
    Layout,
    module,
)

_PIXELS = "sem_seg_head.pixel_decoder"
_QUERIES = "sem_seg_head.predictor"
_ENCODER = f"{_PIXELS}.transformer.encoder.layers.{{layer}}"
_DECODER = f"{_QUERIES}.transformer.decoder.layers.{{layer}}"


def _attention(ours: str, theirs: str) -> tuple[Entry, ...]:
    return (
        Entry(f"{ours}.in_proj_{{tensor}}", (f"{theirs}.in_proj_{{tensor}}",)),
        module(f"{ours}.out_proj", f"{theirs}.out_proj"),
    )


def _feed_forward(ours: str, theirs: str) -> tuple[Entry, ...]:
    return (
        module(f"{ours}.layers.0", f"{theirs}.linear1"),
        module(f"{ours}.layers.3", f"{theirs}.linear2"),
    )


FPN_TABLE = (
    module(f"{PIXELS}.coarse_conv.0", f"{_PIXELS}.layer_4"),
    module(f"{PIXELS}.coarse_conv.1", f"{_PIXELS}.layer_4.norm"),
    *(
        module(f"{PIXELS}.{ours}_convs.{level}.{part}", f"{_PIXELS}.{theirs}")
        for level in range(3)
        for ours, name in (("lateral", "adapter"), ("output", "layer"))
        for part, theirs in enumerate(
            (f"{name}_{level + 1}", f"{name}_{level + 1}.norm")
        )
    ),
    module(f"{PIXELS}.mask_conv", f"{_PIXELS}.mask_features"),
)
ENCODER_TABLE = (
    module(f"{PIXELS}.encoder_projection", f"{_PIXELS}.input_proj"),
    *_attention(
        f"{PIXELS}.encoder.attention.{{layer}}.attention", f"{_ENCODER}.self_attn"
    ),
    module(f"{PIXELS}.encoder.attention.{{layer}}.norm", f"{_ENCODER}.norm1"),
    *_feed_forward(f"{PIXELS}.encoder.feed_forward.{{layer}}", _ENCODER),
    module(f"{PIXELS}.encoder.feed_forward.{{layer}}.norm", f"{_ENCODER}.norm2"),
)
_DECODER_TABLE = (
    module(f"{QUERIES}.query_embed", f"{_QUERIES}.query_embed"),
    module(f"{QUERIES}.memory_projection", f"{_QUERIES}.input_proj"),
    *_attention(f"{DECODER_LAYER}.self_attention.attention", f"{_DECODER}.self_attn"),
    module(f"{DECODER_LAYER}.self_attention.norm", f"{_DECODER}.norm1"),
    *_attention(
        f"{DECODER_LAYER}.cross_attention.attention", f"{_DECODER}.multihead_attn"
    ),
    module(f"{DECODER_LAYER}.cross_attention.norm", f"{_DECODER}.norm2"),
    *_feed_forward(f"{DECODER_LAYER}.feed_forward", _DECODER),
    module(f"{DECODER_LAYER}.feed_forward.norm", f"{_DECODER}.norm3"),
    module(f"{QUERIES}.norm", f"{_QUERIES}.transformer.decoder.norm"),
)
_HEADS_TABLE = (
    module(f"{NETWORK}.class_head", f"{_QUERIES}.class_embed"),
    module(f"{NETWORK}.classifier", _QUERIES),  # of PerPixelBaseline
    *(
        module(
            f"{NETWORK}.mask_head.{2 * layer}", f"{_QUERIES}.mask_embed.layers.{layer}"
        )
        for layer in range(3)
    ),
)
RESNET_TABLE = (
    module("backbone.conv1", "backbone.stem.conv1"),
    module("backbone.bn1", "backbone.stem.conv1.norm"),
    *(  # the three convolutions of the deep stem (R101c)
        module(
            f"backbone.stem.{3 * conv + part}", f"backbone.stem.conv{conv + 1}{norm}"
        )
        for conv in range(3)
        for part, norm in enumerate(("", ".norm"))
    ),
    *(
        module(
            f"backbone.layer{stage}.{{block}}.{ours}",
            f"backbone.res{stage + 1}.{{block}}.{theirs}",
        )
        for stage in range(1, 5)
        for ours, theirs in (
            ("conv{conv}", "conv{conv}"),
            ("bn{conv}", "conv{conv}.norm"),
            ("downsample.0", "shortcut"),
            ("downsample.1", "shortcut.norm"),
        )
    ),
)
_BLOCK = "{stage}.blocks.{block}"
SWIN_TABLE = (
    module("backbone.patch_embed.projection", "backbone.patch_embed.proj"),
    module("backbone.patch_embed.norm", "backbone.patch_embed.norm"),
    *(
        module(f"backbone.stages.{_BLOCK}.{ours}", f"backbone.layers.{_BLOCK}.{theirs}")
        for ours, theirs in (
            ("norm{norm}", "norm{norm}"),
            ("attn.w_msa", "attn"),  # relative positions: a table and an index
            ("attn.w_msa.qkv", "attn.qkv"),
            ("attn.w_msa.proj", "attn.proj"),
            ("ffn.layers.0.0", "mlp.fc1"),
            ("ffn.layers.1", "mlp.fc2"),
        )
    ),
    *(
        module(
            f"backbone.stages.{{stage}}.downsample.{part}",
            f"backbone.layers.{{stage}}.downsample.{part}",
            codec=PATCH_MERGING,
        )
        for part in ("reduction", "norm")
    ),
    module("backbone.norm{stage}", "backbone.norm{stage}"),
)
# In the older generation the pixel decoder's tensors lack their prefix.
OLDER = (r"^sem_seg_head\.(?!predictor\.|pixel_decoder\.)", f"{_PIXELS}.")
UNUSED = (r"criterion\.empty_weight", r"pixel_(mean|std)")
FACEBOOKRESEARCH = Layout(
    name="facebookresearch MaskFormer (detectron2)",
    mark=r"sem_seg_head\.",
    entries=FPN_TABLE
    + ENCODER_TABLE
    + _DECODER_TABLE
    + _HEADS_TABLE
    + RESNET_TABLE
    + SWIN_TABLE,
    renames=(OLDER,),
    unused=UNUSED,
)
# ImageNet weights of a backbone alone, as that of R101c.
DETECTRON2_RESNET = Layout(
    name="detectron2 ResNet",
    mark=r"stem\.conv1\.",
    entries=RESNET_TABLE,
    renames=((r"^", "backbone."),),
    unused=(r"backbone\.(stem\.)?(fc|linear)\.\w+",),  # the classifier
    scope="backbone.",
    family="",
)
