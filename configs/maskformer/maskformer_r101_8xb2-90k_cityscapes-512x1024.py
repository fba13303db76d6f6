"""MaskFormer R101 on Cityscapes: 78.5 mIoU, 80.3 multi-scale.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_r101_8xb2-90k_cityscapes-512x1024.py 8
"""

_base_ = [
    "../_base_/models/maskformer_r101.py",
    "../_base_/datasets/cityscapes_512x1024.py",
    "../_base_/schedules/schedule_90k.py",
    "../_base_/default_runtime.py",
]

model = dict(decode_head=dict(num_classes=19))
