"""MaskFormer R50 + 6 Enc on COCO instance, trained as Mask2Former: 37.8 AP.

Losses at points, augmentation and schedule are those of Mask2Former, in whose paper
this is a row of Table XI; Mask2Former has 43.7 AP.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_r50-6enc_8xb2-lsj-50e_coco-instance.py 8
"""

_base_ = [
    "../_base_/models/maskformer_r50-6enc_panoptic.py",
    "../_base_/models/mask2former.py",
    "../_base_/datasets/coco_instance_lsj.py",
    "../_base_/schedules/schedule_50e_mask2former.py",
    "../_base_/default_runtime_mmdet.py",
]

model = dict(
    data_preprocessor=dict(pad_size_divisor=32),
    num_stuff_classes=0,
    decode_head=dict(criterion=_base_.point_losses),
    test_cfg=dict(panoptic_on=False, semantic_on=False),
)
