"""MaskFormer Swin-L (IN-22K) on COCO panoptic: paper Table 3, 52.7 PQ.

58.5 on things, 44.0 on stuff. Training images have long sides of at most 1,000
pixels, which the paper's code says and the paper does not.

NNODES=8 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
    configs/maskformer/maskformer_swin-l-in22k_64xb1-554k_coco-panoptic.py 8
"""

_base_ = [
    "../_base_/models/maskformer_swin-l.py",
    "../_base_/models/panoptic.py",
    "../_base_/datasets/coco_panoptic_1000.py",
    "../_base_/schedules/schedule_554k_swin.py",
    "../_base_/default_runtime_mmdet.py",
]

model = _base_.panoptic
