"""MaskFormer R50 + 6 Enc on ADE20K panoptic: paper's appendix, 34.7 PQ.

Classes stand in MMDetection's order, things before stuff. Released weights have the
order of the semantic classes; they are known by their file names
(model_final_7aa977.pkl, of R101 model_final_0b3cc8.pkl) and reordered when read.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_r50-6enc_8xb2-720k_ade20k-panoptic-640x640.py 8
"""

_base_ = [
    "../_base_/models/maskformer_r50-6enc_panoptic.py",
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
