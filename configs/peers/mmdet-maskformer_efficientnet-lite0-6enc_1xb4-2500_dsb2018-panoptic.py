r"""MMDetection's own MaskFormer in the place of ours, with the pretrained backbone.

The other side of the comparison in docs/evidence.md. What it needs is said in
mmdet-maskformer_r18-6enc_1xb4-5k_dsb2018-panoptic.py.
    python tools/train.py --amp configs/peers/\
mmdet-maskformer_efficientnet-lite0-6enc_1xb4-2500_dsb2018-panoptic.py
"""

_base_ = [
    "../maskformer/maskformer_efficientnet-lite0-6enc_1xb4-2500_dsb2018-panoptic.py",
    "../_base_/models/mmdet_maskformer.py",
]

ours = _base_.model
classes = dict(
    num_things_classes=ours.num_things_classes, num_stuff_classes=ours.num_stuff_classes
)
class_weight = [1.0] * sum(classes.values()) + [0.1]
model = dict(
    _delete_=True,
    type="MaskFormer",
    data_preprocessor=dict(**ours.data_preprocessor, **_base_.peer_padding),
    backbone=ours.backbone,
    panoptic_head=dict(
        **_base_.peer_head,
        **classes,
        in_channels=ours.decode_head.in_channels,
        num_queries=ours.decode_head.network.transformer_decoder.num_queries,
        loss_cls=dict(**_base_.peer_loss_cls, class_weight=class_weight),
    ),
    panoptic_fusion_head=dict(type="MaskFormerFusionHead", **classes),
    train_cfg=_base_.peer_train_cfg,
    test_cfg=dict(**_base_.peer_test_cfg, **ours.test_cfg),
)
train_pipeline = [
    *_base_.train_pipeline[:-1],
    dict(_base_.train_pipeline[-1], with_host_targets=True),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_evaluator = [x for x in _base_.val_evaluator if x.type != "SemSegMetric"]
test_evaluator = val_evaluator
