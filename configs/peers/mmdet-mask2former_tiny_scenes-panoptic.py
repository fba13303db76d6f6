"""MMDetection's own Mask2Former in the place of ours, all else equal.

Without the metric of semantic maps, which it does not give. On a GPU its
deformable attention needs a compiled operator of mmcv.
    python tools/train.py configs/peers/mmdet-mask2former_tiny_scenes-panoptic.py
"""

_base_ = "../mask2former/mask2former_tiny_scenes-panoptic.py"

ours = _base_.model
decoder = ours.decode_head.network.transformer_decoder
pixels = ours.decode_head.network.pixel_decoder
criterion = ours.decode_head.criterion
classes = dict(
    num_things_classes=ours.num_things_classes, num_stuff_classes=ours.num_stuff_classes
)
width, heads = decoder.embed_dim, decoder.num_heads
attention = dict(embed_dims=width, num_heads=heads, batch_first=True)
feed_forward = dict(
    embed_dims=width,
    feedforward_channels=decoder.ffn_dim,
    num_fcs=2,
    act_cfg=dict(type="ReLU", inplace=True),
)
positions = dict(num_feats=width // 2, normalize=True)
class_loss, mask_loss = criterion.loss_cls, criterion.loss_mask
model = dict(
    _delete_=True,
    type="Mask2Former",
    data_preprocessor=dict(
        **ours.data_preprocessor,
        pad_mask=True,
        mask_pad_value=0,
        pad_seg=True,
        seg_pad_value=255,
    ),
    backbone=ours.backbone,
    panoptic_head=dict(
        type="Mask2FormerHead",
        in_channels=ours.decode_head.in_channels,
        feat_channels=width,
        out_channels=pixels.mask_channels,
        **classes,
        num_queries=decoder.num_queries,
        num_transformer_feat_level=3,
        pixel_decoder=dict(
            type="MSDeformAttnPixelDecoder",
            num_outs=3,
            norm_cfg=dict(type="GN", num_groups=32),
            act_cfg=dict(type="ReLU"),
            encoder=dict(
                num_layers=pixels.num_layers,
                layer_cfg=dict(
                    self_attn_cfg=dict(num_levels=3, num_points=4, **attention),
                    ffn_cfg=dict(feed_forward, feedforward_channels=pixels.ffn_dim),
                ),
            ),
            positional_encoding=positions,
        ),
        enforce_decoder_input_project=False,
        positional_encoding=positions,
        transformer_decoder=dict(
            return_intermediate=True,
            num_layers=decoder.num_layers,
            layer_cfg=dict(
                self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=feed_forward
            ),
        ),
        loss_cls=dict(
            type="CrossEntropyLoss",
            use_sigmoid=False,
            loss_weight=class_loss.weight,
            reduction="mean",
            class_weight=[1.0] * sum(classes.values()) + [class_loss.no_object_weight],
        ),
        loss_mask=dict(
            type="CrossEntropyLoss",
            use_sigmoid=True,
            reduction="mean",
            loss_weight=mask_loss.weight,
        ),
        loss_dice=dict(
            type="DiceLoss",
            use_sigmoid=True,
            activate=True,
            reduction="mean",
            naive_dice=True,
            eps=1.0,
            loss_weight=criterion.loss_dice.weight,
        ),
    ),
    panoptic_fusion_head=dict(type="MaskFormerFusionHead", **classes),
    train_cfg=dict(
        num_points=criterion.masks.num_points,
        oversample_ratio=3.0,
        importance_sample_ratio=0.75,
        assigner=dict(
            type="HungarianAssigner",
            match_costs=[
                dict(type="ClassificationCost", weight=class_loss.weight),
                dict(
                    type="CrossEntropyLossCost",
                    weight=mask_loss.weight,
                    use_sigmoid=True,
                ),
                dict(
                    type="DiceCost",
                    weight=criterion.loss_dice.weight,
                    pred_act=True,
                    eps=1.0,
                ),
            ],
        ),
        sampler=dict(type="MaskPseudoSampler"),
    ),
    test_cfg=dict(
        panoptic_on=True,
        instance_on=False,
        semantic_on=False,
        max_per_image=100,
        object_mask_thr=0.8,
        iou_thr=0.8,
        filter_low_score=True,
    ),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
val_evaluator = [x for x in _base_.val_evaluator if x.type != "SemSegMetric"]
test_evaluator = val_evaluator
