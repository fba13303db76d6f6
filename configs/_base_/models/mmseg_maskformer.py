"""MMSegmentation's own MaskFormerHead with the sizes and losses of ours.

A config names this file beside one of our MaskFormers and takes from that what it has:
in_channels, num_classes, num_queries, and class_weight of loss_cls, which the host
wants as a list.
"""

attention = dict(
    embed_dims=256,
    num_heads=8,
    attn_drop=0.1,
    proj_drop=0.1,
    dropout_layer=None,
    batch_first=True,
)
feed_forward = dict(
    embed_dims=256,
    feedforward_channels=2048,
    num_fcs=2,
    act_cfg=dict(type="ReLU", inplace=True),
    ffn_drop=0.1,
    dropout_layer=None,
    add_identity=True,
)
mmseg_loss_cls = dict(
    type="mmdet.CrossEntropyLoss", use_sigmoid=False, loss_weight=1.0, reduction="mean"
)
mmseg_head = dict(
    _delete_=True,
    type="MaskFormerHead",
    in_index=[0, 1, 2, 3],
    feat_channels=256,
    out_channels=256,
    pixel_decoder=dict(
        type="mmdet.PixelDecoder",
        norm_cfg=dict(type="GN", num_groups=32),
        act_cfg=dict(type="ReLU"),
    ),
    enforce_decoder_input_project=False,
    positional_encoding=dict(num_feats=128, normalize=True),
    transformer_decoder=dict(
        return_intermediate=True,
        num_layers=6,
        layer_cfg=dict(
            self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=feed_forward
        ),
        init_cfg=None,
    ),
    loss_mask=dict(
        type="mmdet.FocalLoss",
        use_sigmoid=True,
        gamma=2.0,
        alpha=0.25,
        reduction="mean",
        loss_weight=20.0,
    ),
    loss_dice=dict(
        type="mmdet.DiceLoss",
        use_sigmoid=True,
        activate=True,
        reduction="mean",
        naive_dice=True,
        eps=1.0,
        loss_weight=1.0,
    ),
    train_cfg=dict(
        assigner=dict(
            type="mmdet.HungarianAssigner",
            match_costs=[
                dict(type="mmdet.ClassificationCost", weight=1.0),
                dict(type="mmdet.FocalLossCost", weight=20.0, binary_input=True),
                dict(type="mmdet.DiceCost", weight=1.0, pred_act=True, eps=1.0),
            ],
        ),
        sampler=dict(type="mmdet.MaskPseudoSampler"),
    ),
)
mmseg_maskformer = dict(
    type="EncoderDecoder",
    # its head resizes the padded map to the unpadded size before it crops it
    data_preprocessor=dict(test_cfg=dict(size_divisor=1)),
)
