"""MaskFormer Swin-T on COCO panoptic: paper Table 3, 47.7 PQ.

51.7 on things, 41.7 on stuff. Queries attend to the last map of the backbone,
without further encoder layers. The paper mentions neither the warm-up nor the drop path
of 0.3; its code has both.

NNODES=8 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
    configs/maskformer/maskformer_swin-t_64xb1-554k_coco-panoptic.py 8
"""

_base_ = [
    "../_base_/models/maskformer_swin-t.py",
    "../_base_/models/panoptic.py",
    "../_base_/datasets/coco_panoptic.py",
    "../_base_/schedules/schedule_554k_swin.py",
    "../_base_/default_runtime_mmdet.py",
]

model = _base_.panoptic
