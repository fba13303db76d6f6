"""Mask2Former R50 on Mapillary Vistas: 57.4 mIoU.

bash tools/dist_train.sh \
    configs/mask2former/mask2former_r50_8xb2-300k_mapillary-1024x1024.py 8
"""

_base_ = [
    "../_base_/models/mask2former_r50.py",
    "../_base_/datasets/mapillary_1024x1024.py",
    "../_base_/schedules/schedule_300k_mask2former.py",
    "../_base_/default_runtime.py",
]

model = dict(
    data_preprocessor=dict(seg_pad_val=65),
    decode_head=dict(num_classes=65, ignore_index=65),
)
