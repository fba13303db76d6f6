"""Panoptic MaskFormer with ResNet-18 from scratch, half as wide as the paper's.

Trainable batch norms; the class term weighs 2 instead of 1, which short schedules need.
"""

_base_ = "maskformer_r50-6enc_panoptic.py"

model = dict(
    backbone=dict(
        depth=18,
        norm_cfg=dict(type="BN", requires_grad=True),
        norm_eval=False,
        init_cfg=None,
    ),
    in_channels=[64, 128, 256, 512],
    pixel_decoder=dict(
        out_channels=128,
        mask_channels=128,
        encoder=dict(embed_dim=128, ffn_dim=1024),
    ),
    transformer_decoder=dict(embed_dim=128, ffn_dim=1024),
    criterion=dict(loss_cls=dict(weight=2.0)),
)
