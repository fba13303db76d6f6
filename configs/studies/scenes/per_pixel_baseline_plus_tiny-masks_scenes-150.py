"""PerPixelBaseline+ trained by MaskFormer's mask losses: paper 4.4, on scenes.

python tools/train.py \
    configs/studies/scenes/per_pixel_baseline_plus_tiny-masks_scenes-150.py
"""

_base_ = "per_pixel_baseline_plus_tiny_scenes-150.py"

model = dict(
    decode_head=dict(
        criterion=dict(
            weight=0.0,  # of the cross-entropy
            loss_mask=dict(type="FocalMaskLoss", weight=20.0),
            loss_dice=dict(type="DiceLoss", weight=1.0),
        ),
    ),
)
