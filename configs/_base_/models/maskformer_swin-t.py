"""MaskFormer with Swin-T; the other Swin transformers differ in widths and depths."""

_base_ = "maskformer_r50.py"

pretrained = "https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/swin/"
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmseg.SwinTransformer",  # MMDetection's does not load these weights
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        mlp_ratio=4,
        drop_path_rate=0.3,
        init_cfg=dict(
            type="Pretrained",
            checkpoint=f"{pretrained}swin_tiny_patch4_window7_224_20220317-1cdeb081.pth",
        ),
    ),
    decode_head=dict(in_channels=[96, 192, 384, 768]),
)
