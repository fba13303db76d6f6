"""MaskFormer with Swin-S: Swin-T with eighteen blocks in the third stage."""

_base_ = "maskformer_swin-t.py"

pretrained = "https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/swin/"
weights = f"{pretrained}swin_small_patch4_window7_224_20220317-7ba6d6dd.pth"
model = dict(
    backbone=dict(
        depths=(2, 2, 18, 2),
        init_cfg=dict(checkpoint=weights),
    ),
)
