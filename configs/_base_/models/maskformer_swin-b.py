"""MaskFormer with Swin-B, windows of 12, pretrained on ImageNet-22K."""

_base_ = "maskformer_swin-s.py"

weights = f"{_base_.pretrained}swin_base_patch4_window12_384_22k_20220317-e5c09f74.pth"
model = dict(
    backbone=dict(
        embed_dims=128,
        num_heads=(4, 8, 16, 32),
        window_size=12,
        init_cfg=dict(checkpoint=weights),
    ),
    decode_head=dict(in_channels=[128, 256, 512, 1024]),
)
