"""MaskFormer R101 + 6 Enc on COCO panoptic: paper Table 3, 47.6 PQ.

52.5 on things, 40.3 on stuff.

NNODES=8 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
    configs/maskformer/maskformer_r101-6enc_64xb1-554k_coco-panoptic.py 8
"""

_base_ = [
    "../_base_/models/maskformer_r101-6enc_panoptic.py",
    "../_base_/datasets/coco_panoptic.py",
    "../_base_/schedules/schedule_554k.py",
    "../_base_/default_runtime_mmdet.py",
]
