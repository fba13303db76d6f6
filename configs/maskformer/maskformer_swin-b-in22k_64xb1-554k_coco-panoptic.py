"""MaskFormer Swin-B (IN-22K) on COCO panoptic: paper Table 3, 51.8 PQ.

56.9 on things, 44.1 on stuff.

NNODES=8 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
    configs/maskformer/maskformer_swin-b-in22k_64xb1-554k_coco-panoptic.py 8
"""

_base_ = [
    "../_base_/models/maskformer_swin-b.py",
    "../_base_/models/panoptic.py",
    "../_base_/datasets/coco_panoptic.py",
    "../_base_/schedules/schedule_554k_swin.py",
    "../_base_/default_runtime_mmdet.py",
]

model = _base_.panoptic
