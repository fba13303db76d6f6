"""MMDetection's own Mask2Former with the sizes and losses of mask2former_small.py.

A config names this file beside one of ours and takes from that what it has: backbone,
normalisation, widths, queries, classes, and the weights of the class loss, which the
host wants as a list and once more for matching.
"""

peer_attn = dict(embed_dims=64, num_heads=4, batch_first=True)
peer_ffn = dict(
    embed_dims=64,
    feedforward_channels=256,
    num_fcs=2,
    act_cfg=dict(type="ReLU", inplace=True),
)
peer_positions = dict(num_feats=32, normalize=True)
peer_padding = dict(pad_mask=True, mask_pad_value=0, pad_seg=True, seg_pad_value=255)
peer_loss_cls = dict(type="CrossEntropyLoss", use_sigmoid=False, reduction="mean")
peer_head = dict(
    type="Mask2FormerHead",
    feat_channels=64,
    out_channels=64,
    num_transformer_feat_level=3,
    pixel_decoder=dict(
        type="MSDeformAttnPixelDecoder",
        num_outs=3,
        norm_cfg=dict(type="GN", num_groups=32),
        act_cfg=dict(type="ReLU"),
        encoder=dict(
            num_layers=2,
            layer_cfg=dict(
                self_attn_cfg=dict(peer_attn, num_levels=3, num_points=4),
                ffn_cfg=peer_ffn,
            ),
        ),
        positional_encoding=peer_positions,
    ),
    enforce_decoder_input_project=False,
    positional_encoding=peer_positions,
    transformer_decoder=dict(
        return_intermediate=True,
        num_layers=3,
        layer_cfg=dict(
            self_attn_cfg=peer_attn, cross_attn_cfg=peer_attn, ffn_cfg=peer_ffn
        ),
    ),
    loss_mask=dict(
        type="CrossEntropyLoss", use_sigmoid=True, reduction="mean", loss_weight=5.0
    ),
    loss_dice=dict(
        type="DiceLoss",
        use_sigmoid=True,
        activate=True,
        reduction="mean",
        naive_dice=True,
        eps=1.0,
        loss_weight=5.0,
    ),
)
peer_costs = [
    dict(type="CrossEntropyLossCost", weight=5.0, use_sigmoid=True),
    dict(type="DiceCost", weight=5.0, pred_act=True, eps=1.0),
]
peer_train_cfg = dict(
    num_points=3136,
    oversample_ratio=3.0,
    importance_sample_ratio=0.75,
    sampler=dict(type="MaskPseudoSampler"),
)
peer_test_cfg = dict(
    panoptic_on=True,
    semantic_on=False,
    max_per_image=100,
    filter_low_score=True,
)
