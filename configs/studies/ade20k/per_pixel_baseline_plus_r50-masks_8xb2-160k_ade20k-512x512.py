"""PerPixelBaseline+ trained by MaskFormer's mask losses: paper section 4.4.

The paper says that there was no improvement over 41.9 mIoU, and gives no number.

bash tools/dist_train.sh \
configs/studies/ade20k/per_pixel_baseline_plus_r50-masks_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = (
    "../../per_pixel_baseline/per_pixel_baseline_plus_r50_8xb2-160k_ade20k-512x512.py"
)

model = dict(
    decode_head=dict(
        criterion=dict(
            weight=0.0,  # of the cross-entropy
            loss_mask=dict(type="FocalMaskLoss", weight=20.0),
            loss_dice=dict(type="DiceLoss", weight=1.0),
        ),
    ),
)
