"""MMDetection's own MaskFormer in the place of ours, all else equal.

The other side of the comparison in docs/panoptic.md. Panoptic maps are loaded by our
transforms, which hand the host its masks: its own loading needs panopticapi. On a GPU
its focal loss needs a compiled operator of mmcv.
    python tools/train.py --amp \
        configs/peers/mmdet-maskformer_r18-6enc_1xb4-5k_dsb2018-panoptic.py
"""

_base_ = "../maskformer/maskformer_r18-6enc_1xb4-5k_dsb2018-panoptic.py"

ours = _base_.model
classes = dict(
    num_things_classes=ours.num_things_classes, num_stuff_classes=ours.num_stuff_classes
)
attention = dict(embed_dims=64, num_heads=8, batch_first=True)
feed_forward = dict(
    embed_dims=64,
    feedforward_channels=512,
    num_fcs=2,
    act_cfg=dict(type="ReLU", inplace=True),
)
positions = dict(num_feats=32, normalize=True)
model = dict(
    _delete_=True,
    type="MaskFormer",
    data_preprocessor=dict(
        **ours.data_preprocessor,
        pad_mask=True,
        mask_pad_value=0,
        pad_seg=True,
        seg_pad_value=255,
    ),
    backbone=ours.backbone,
    panoptic_head=dict(
        type="MaskFormerHead",
        in_channels=ours.decode_head.in_channels,
        feat_channels=64,
        out_channels=64,
        **classes,
        num_queries=ours.decode_head.network.transformer_decoder.num_queries,
        pixel_decoder=dict(
            type="TransformerEncoderPixelDecoder",
            norm_cfg=dict(type="GN", num_groups=32),
            act_cfg=dict(type="ReLU"),
            encoder=dict(
                num_layers=6,
                layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=feed_forward),
            ),
            positional_encoding=positions,
        ),
        enforce_decoder_input_project=False,
        positional_encoding=positions,
        transformer_decoder=dict(
            return_intermediate=True,
            num_layers=3,
            layer_cfg=dict(
                self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=feed_forward
            ),
        ),
        loss_cls=dict(
            type="CrossEntropyLoss",
            use_sigmoid=False,
            loss_weight=2.0,
            reduction="mean",
            class_weight=[1.0] * sum(classes.values()) + [0.1],
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
    ),
    panoptic_fusion_head=dict(type="MaskFormerFusionHead", **classes),
    train_cfg=dict(
        assigner=dict(
            type="HungarianAssigner",
            match_costs=[
                dict(type="ClassificationCost", weight=2.0),
                dict(type="FocalLossCost", weight=20.0, binary_input=True),
                dict(type="DiceCost", weight=5.0, pred_act=True, eps=1.0),
            ],
        ),
        sampler=dict(type="MaskPseudoSampler"),
    ),
    test_cfg=dict(
        panoptic_on=True,
        instance_on=True,
        max_per_image=100,
        **_base_.model.test_cfg,
    ),
)
train_pipeline = [
    *_base_.train_pipeline[:-1],
    dict(_base_.train_pipeline[-1], with_host_targets=True),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_evaluator = [x for x in _base_.val_evaluator if x.type != "SemSegMetric"]
test_evaluator = val_evaluator
