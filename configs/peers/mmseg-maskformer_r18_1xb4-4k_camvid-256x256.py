"""MMSegmentation's own MaskFormerHead in the place of ours, all else equal.

The other side of the comparison in docs/camvid.md; needs mmdet, and on a GPU its focal
loss, a compiled operator of mmcv.
    python tools/train.py --amp \
        configs/peers/mmseg-maskformer_r18_1xb4-4k_camvid-256x256.py
"""

_base_ = "../maskformer/maskformer_r18_1xb4-4k_camvid-256x256.py"

ours = _base_.model.decode_head
attention = dict(
    embed_dims=256,
    num_heads=8,
    attn_drop=0.1,
    proj_drop=0.1,
    dropout_layer=None,
    batch_first=True,
)
relu = dict(type="ReLU", inplace=True)
positions = dict(num_feats=128, normalize=True)
model = dict(
    type="EncoderDecoder",
    # its head cuts padding off a map that it has squeezed to the unpadded size
    data_preprocessor=dict(test_cfg=dict(size_divisor=1)),
    decode_head=dict(
        _delete_=True,
        type="MaskFormerHead",
        in_channels=ours.in_channels,
        in_index=[0, 1, 2, 3],
        feat_channels=256,
        out_channels=256,
        num_classes=ours.num_classes,
        num_queries=ours.network.transformer_decoder.num_queries,
        pixel_decoder=dict(
            type="mmdet.PixelDecoder",
            norm_cfg=dict(type="GN", num_groups=32),
            act_cfg=dict(type="ReLU"),
        ),
        enforce_decoder_input_project=False,
        positional_encoding=positions,
        transformer_decoder=dict(
            return_intermediate=True,
            num_layers=6,
            layer_cfg=dict(
                self_attn_cfg=attention,
                cross_attn_cfg=attention,
                ffn_cfg=dict(
                    embed_dims=256,
                    feedforward_channels=2048,
                    num_fcs=2,
                    act_cfg=relu,
                    ffn_drop=0.1,
                    dropout_layer=None,
                    add_identity=True,
                ),
            ),
            init_cfg=None,
        ),
        loss_cls=dict(
            type="mmdet.CrossEntropyLoss",
            use_sigmoid=False,
            loss_weight=1.0,
            reduction="mean",
            class_weight=[1.0] * ours.num_classes + [0.1],
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
    ),
)
