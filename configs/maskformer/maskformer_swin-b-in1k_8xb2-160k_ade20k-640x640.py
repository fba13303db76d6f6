"""MaskFormer Swin-B (IN-1K) on ADE20K: paper Table 1, 51.1 mIoU.

The authors released neither configuration nor weights of this row.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_swin-b-in1k_8xb2-160k_ade20k-640x640.py 8
"""

_base_ = [
    "../_base_/models/maskformer_swin-b.py",
    "../_base_/datasets/ade20k_640x640.py",
    "../_base_/schedules/schedule_160k_swin.py",
    "../_base_/default_runtime.py",
]

weights = f"{_base_.pretrained}swin_base_patch4_window12_384_20220317-55b0104a.pth"
model = dict(backbone=dict(init_cfg=dict(checkpoint=weights)))
