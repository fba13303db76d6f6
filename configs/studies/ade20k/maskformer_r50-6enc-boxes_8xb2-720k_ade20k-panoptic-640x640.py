"""Panoptic MaskFormer matched by boxes; the paper's Table 5 is on COCO.

A box head and box losses as in DETR, with its weights; matching does not see masks.

bash tools/dist_train.sh \
configs/studies/ade20k/maskformer_r50-6enc-boxes_8xb2-720k_ade20k-panoptic-640x640.py 8
"""

_base_ = "../../maskformer/maskformer_r50-6enc_8xb2-720k_ade20k-panoptic-640x640.py"

model = dict(
    decode_head=dict(
        network=dict(with_boxes=True),
        criterion=dict(
            loss_bbox=dict(type="BoxL1Loss", weight=5.0),
            loss_giou=dict(type="GIoULoss", weight=2.0),
        ),
    ),
)
