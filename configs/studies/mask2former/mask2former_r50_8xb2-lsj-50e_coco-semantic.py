"""Mask2Former R50 on COCO semantic, 133 classes: the third model of paper Table 7.

bash tools/dist_train.sh \
    configs/studies/mask2former/mask2former_r50_8xb2-lsj-50e_coco-semantic.py 8
"""

_base_ = [
    "../../_base_/models/mask2former_r50.py",
    "../../_base_/datasets/coco_semantic_lsj.py",
    "../../_base_/schedules/schedule_50e_mask2former.py",
    "../../_base_/default_runtime.py",
]

model = dict(decode_head=dict(num_classes=133))
