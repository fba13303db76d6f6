"""MaskFormer with Swin-S: Swin-T with eighteen blocks in the third stage."""

_base_ = "maskformer_swin-t.py"

weights = f"{_base_.pretrained}swin_small_patch4_window7_224_20220317-7ba6d6dd.pth"
model = dict(
    backbone=dict(
        depths=(2, 2, 18, 2),
        init_cfg=dict(checkpoint=weights),
    ),
)
