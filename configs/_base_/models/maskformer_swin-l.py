"""MaskFormer with Swin-L, windows of 12, pretrained on ImageNet-22K."""

_base_ = "maskformer_swin-b.py"

weights = f"{_base_.pretrained}swin_large_patch4_window12_384_22k_20220412-6580f57d.pth"
model = dict(
    backbone=dict(
        embed_dims=192,
        num_heads=(6, 12, 24, 48),
        init_cfg=dict(checkpoint=weights),
    ),
    decode_head=dict(in_channels=[192, 384, 768, 1536]),
)
