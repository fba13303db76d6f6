"""MaskFormer R101 + 6 Enc on ADE20K panoptic: paper's appendix, 35.7 PQ.

The zoo of the paper's code calls it R50 by mistake.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_r101-6enc_8xb2-720k_ade20k-panoptic-640x640.py 8
"""

_base_ = [
    "../_base_/models/maskformer_r101-6enc_panoptic.py",
    "../_base_/datasets/ade20k_panoptic_640x640.py",
    "../_base_/schedules/schedule_720k.py",
    "../_base_/default_runtime_mmdet.py",
]

model = dict(
    data_preprocessor=dict(pad_size_divisor=32),
    num_things_classes=100,
    num_stuff_classes=50,
    test_cfg=dict(object_mask_thr=0.7),
)
