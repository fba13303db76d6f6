"""MaskFormer R50 on Mapillary Vistas: 53.1 mIoU, 55.4 multi-scale.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_r50_8xb2-300k_mapillary-1280x1280.py 8
"""

_base_ = [
    "../_base_/models/maskformer_r50.py",
    "../_base_/datasets/mapillary_1280x1280.py",
    "../_base_/schedules/schedule_300k.py",
    "../_base_/default_runtime.py",
]

model = dict(
    data_preprocessor=dict(seg_pad_val=65),
    decode_head=dict(num_classes=65, ignore_index=65),
)
