"""MMDetection's own MaskFormer with the sizes and losses of our small panoptic one.

A config names this file beside one of ours and takes from that what it has: backbone,
normalisation, widths, queries, classes, thresholds, and class_weight of loss_cls, which
the host wants as a list.
"""

peer_attn = dict(embed_dims=64, num_heads=8, batch_first=True)
peer_ffn = dict(
    embed_dims=64,
    feedforward_channels=512,
    num_fcs=2,
    act_cfg=dict(type="ReLU", inplace=True),
)
peer_positions = dict(num_feats=32, normalize=True)
peer_padding = dict(pad_mask=True, mask_pad_value=0, pad_seg=True, seg_pad_value=255)
peer_loss_cls = dict(
    type="CrossEntropyLoss", use_sigmoid=False, loss_weight=2.0, reduction="mean"
)
peer_head = dict(
    type="MaskFormerHead",
    feat_channels=64,
    out_channels=64,
    pixel_decoder=dict(
        type="TransformerEncoderPixelDecoder",
        norm_cfg=dict(type="GN", num_groups=32),
        act_cfg=dict(type="ReLU"),
        encoder=dict(
            num_layers=6, layer_cfg=dict(self_attn_cfg=peer_attn, ffn_cfg=peer_ffn)
        ),
        positional_encoding=peer_positions,
    ),
    enforce_decoder_input_project=False,
    positional_encoding=peer_positions,
    transformer_decoder=dict(
        return_intermediate=True,
        num_layers=3,
        layer_cfg=dict(
            self_attn_cfg=peer_attn,
            cross_attn_cfg=peer_attn,
            ffn_cfg=peer_ffn,
        ),
    ),
    loss_mask=dict(
        type="FocalLoss",
        use_sigmoid=True,
        gamma=2.0,
        alpha=0.25,
        reduction="mean",
        loss_weight=20.0,
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
peer_train_cfg = dict(
    assigner=dict(
        type="HungarianAssigner",
        match_costs=[
            dict(type="ClassificationCost", weight=2.0),
            dict(type="FocalLossCost", weight=20.0, binary_input=True),
            dict(type="DiceCost", weight=5.0, pred_act=True, eps=1.0),
        ],
    ),
    sampler=dict(type="MaskPseudoSampler"),
)
peer_test_cfg = dict(panoptic_on=True, instance_on=True, max_per_image=100)
