r"""MMDetection's own Mask2Former in the place of ours, with the pretrained backbone.

Without the metric of semantic maps, which it does not give. On a GPU its deformable
attention needs a compiled operator of mmcv.
    python tools/train.py --amp configs/peers/\
mmdet-mask2former_efficientnet-lite0_1xb4-2500_dsb2018-panoptic.py
"""

_base_ = [
    "../mask2former/mask2former_efficientnet-lite0_1xb4-2500_dsb2018-panoptic.py",
    "../_base_/models/mmdet_mask2former.py",
]

ours = _base_.model
class_loss = ours.decode_head.criterion.loss_cls
classes = dict(
    num_things_classes=ours.num_things_classes, num_stuff_classes=ours.num_stuff_classes
)
class_weight = [1.0] * sum(classes.values()) + [class_loss.no_object_weight]
class_cost = dict(type="ClassificationCost", weight=class_loss.weight)
assigner = dict(type="HungarianAssigner", match_costs=[class_cost, *_base_.peer_costs])
model = dict(
    _delete_=True,
    type="Mask2Former",
    data_preprocessor=dict(**ours.data_preprocessor, **_base_.peer_padding),
    backbone=ours.backbone,
    panoptic_head=dict(
        **_base_.peer_head,
        **classes,
        in_channels=ours.decode_head.in_channels,
        num_queries=ours.decode_head.network.transformer_decoder.num_queries,
        loss_cls=dict(
            **_base_.peer_loss_cls,
            loss_weight=class_loss.weight,
            class_weight=class_weight,
        ),
    ),
    panoptic_fusion_head=dict(type="MaskFormerFusionHead", **classes),
    train_cfg=dict(**_base_.peer_train_cfg, assigner=assigner),
    test_cfg=dict(
        **_base_.peer_test_cfg, instance_on=True, object_mask_thr=0.5, iou_thr=0.5
    ),
)
train_pipeline = [
    *_base_.train_pipeline[:-1],
    dict(_base_.train_pipeline[-1], with_host_targets=True),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_evaluator = [x for x in _base_.val_evaluator if x.type != "SemSegMetric"]
test_evaluator = val_evaluator
