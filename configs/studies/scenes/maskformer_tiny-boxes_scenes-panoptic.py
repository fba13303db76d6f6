"""Panoptic MaskFormer matched by boxes: paper Table 5, on scenes.

A box head and box losses as in DETR, with its weights; matching does not see masks.
The class loss weighs 2, as in the demo.

python tools/train.py configs/studies/scenes/maskformer_tiny-boxes_scenes-panoptic.py
"""

_base_ = "../../demo/maskformer_tiny_scenes-panoptic.py"

model = dict(
    decode_head=dict(
        network=dict(with_boxes=True),
        criterion=dict(
            loss_bbox=dict(type="BoxL1Loss", weight=5.0),
            loss_giou=dict(type="GIoULoss", weight=2.0),
        ),
    ),
)
