"""MMSegmentation's and MMDetection's own MaskFormer heads; backbones keep their names.

Both key generations: before MMDetection 3.0 the parts of a layer were numbered
(``attentions.0``, ``ffns.0``), now they are named.
"""

from .layout import DECODER_LAYER, NETWORK, PIXELS, QUERIES, Entry, Layout, module

_PIXELS = "decode_head.pixel_decoder"
_DECODER = "decode_head.transformer_decoder"
_LAYERS = "layers.{layer}"


def _block(ours: str, theirs: str, attention: str, norm: int) -> tuple[Entry, ...]:
    """An attention block and the norm after it."""
    return (
        Entry(
            f"{ours}.attention.in_proj_{{tensor}}",
            (f"{theirs}.{attention}.attn.in_proj_{{tensor}}",),
        ),
        module(f"{ours}.attention.out_proj", f"{theirs}.{attention}.attn.out_proj"),
        module(f"{ours}.norm", f"{theirs}.norms.{norm}"),
    )


def _feed_forward(ours: str, theirs: str, norm: int) -> tuple[Entry, ...]:
    """A feed-forward block and the norm after it."""
    return (
        module(f"{ours}.layers.0", f"{theirs}.ffn.layers.0.0"),
        module(f"{ours}.layers.3", f"{theirs}.ffn.layers.1"),
        module(f"{ours}.norm", f"{theirs}.norms.{norm}"),
    )


def _conv_norm(ours: str, theirs: str) -> tuple[Entry, ...]:
    """A convolution and its group norm."""
    return (
        module(f"{PIXELS}.{ours}.0", f"{_PIXELS}.{theirs}.conv"),
        module(f"{PIXELS}.{ours}.1", f"{_PIXELS}.{theirs}.gn"),
    )


# A detector calls the head otherwise; before MMDetection 3.0 parts had numbers.
RENAMES = (
    (r"^panoptic_head\.", "decode_head."),
    (r"\.attentions\.0\.", ".self_attn."),
    (r"\.attentions\.1\.", ".cross_attn."),
    (r"\.ffns\.0\.", ".ffn."),
)
OPENMMLAB = Layout(
    name="OpenMMLab MaskFormer (mmseg, mmdet)",
    mark=r"(decode|panoptic)_head\.(pixel_decoder|transformer_decoder|query_embed)\.",
    entries=(
        *_conv_norm("coarse_conv", "last_feat_conv"),
        *_conv_norm("coarse_conv", "encoder_out_proj"),
        *_conv_norm("lateral_convs.{level}", "lateral_convs.{level}"),
        *_conv_norm("output_convs.{level}", "output_convs.{level}"),
        module(f"{PIXELS}.mask_conv", f"{_PIXELS}.mask_feature"),
        module(f"{PIXELS}.encoder_projection", f"{_PIXELS}.encoder_in_proj"),
        *_block(
            f"{PIXELS}.encoder.attention.{{layer}}",
            f"{_PIXELS}.encoder.{_LAYERS}",
            attention="self_attn",
            norm=0,
        ),
        *_feed_forward(
            f"{PIXELS}.encoder.feed_forward.{{layer}}",
            f"{_PIXELS}.encoder.{_LAYERS}",
            norm=1,
        ),
        module(f"{QUERIES}.query_embed", "decode_head.query_embed"),
        module(f"{QUERIES}.memory_projection", "decode_head.decoder_input_proj"),
        *_block(
            f"{DECODER_LAYER}.self_attention",
            f"{_DECODER}.{_LAYERS}",
            attention="self_attn",
            norm=0,
        ),
        *_block(
            f"{DECODER_LAYER}.cross_attention",
            f"{_DECODER}.{_LAYERS}",
            attention="cross_attn",
            norm=1,
        ),
        *_feed_forward(
            f"{DECODER_LAYER}.feed_forward", f"{_DECODER}.{_LAYERS}", norm=2
        ),
        module(f"{QUERIES}.norm", f"{_DECODER}.post_norm"),
        module(f"{NETWORK}.class_head", "decode_head.cls_embed"),
        module(f"{NETWORK}.mask_head.{{layer}}", "decode_head.mask_embed.{layer}"),
        Entry("backbone.{rest}", ("backbone.{rest}",)),
    ),
    renames=RENAMES,
    unused=(r"decode_head\.conv_seg\..*",),
)
