"""Matching by boxes: paper Table 5, 43.7 PQ (49.2 / 35.3).

A box head and box losses as in DETR, with its weights; matching does not see masks.

NNODES=8 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
    configs/studies/others/maskformer_r50-6enc-boxes_64xb1-554k_coco-panoptic.py 8
"""

_base_ = "../../maskformer/maskformer_r50-6enc_64xb1-554k_coco-panoptic.py"

model = dict(
    decode_head=dict(
        network=dict(with_boxes=True),
        criterion=dict(
            loss_bbox=dict(type="BoxL1Loss", weight=5.0),
            loss_giou=dict(type="GIoULoss", weight=2.0),
        ),
    ),
)
