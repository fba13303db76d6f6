"""Mask2Former Swin-L (IN-22K) on Mapillary Vistas: 63.2 mIoU.

NNODES=2 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
    configs/mask2former/mask2former_swin-l-in22k_16xb1-300k_mapillary-1024x1024.py 8
"""

_base_ = [
    "../_base_/models/mask2former_swin-l.py",
    "../_base_/datasets/mapillary_1024x1024.py",
    "../_base_/schedules/schedule_300k_mask2former.py",
    "../_base_/default_runtime.py",
]

model = dict(
    data_preprocessor=dict(seg_pad_val=65),
    decode_head=dict(num_classes=65, ignore_index=65),
)
train_dataloader = dict(batch_size=1)
