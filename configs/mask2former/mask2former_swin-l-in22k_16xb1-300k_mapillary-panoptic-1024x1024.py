r"""Mask2Former Swin-L (IN-22K) on Mapillary Vistas panoptic: 45.5 PQ.

NNODES=2 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
configs/mask2former/\
mask2former_swin-l-in22k_16xb1-300k_mapillary-panoptic-1024x1024.py 8
"""

_base_ = [
    "../_base_/models/mask2former_swin-l-200q.py",
    "../_base_/models/mask2former_panoptic.py",
    "../_base_/datasets/mapillary_panoptic_1024x1024.py",
    "../_base_/schedules/schedule_300k_mask2former.py",
    "../_base_/default_runtime_mmdet.py",
]

rule = dict(object_mask_thr=0.0, instance_on=False)
model = dict(
    _base_.panoptic,
    num_things_classes=37,
    num_stuff_classes=28,
    test_cfg=dict(_base_.panoptic.test_cfg, **rule),
)
train_dataloader = dict(batch_size=1)
