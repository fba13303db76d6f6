"""MaskFormer R50 + 6 Enc on COCO panoptic: paper Table 3, 46.5 PQ.

51.0 on things, 39.8 on stuff. The paper says that training follows DETR; its code
clips gradients to a norm of 0.01 and does not decay norms and embeddings.

NNODES=8 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
    configs/maskformer/maskformer_r50-6enc_64xb1-554k_coco-panoptic.py 8
"""

_base_ = [
    "../_base_/models/maskformer_r50-6enc_panoptic.py",
    "../_base_/datasets/coco_panoptic.py",
    "../_base_/schedules/schedule_554k.py",
    "../_base_/default_runtime_mmdet.py",
]
