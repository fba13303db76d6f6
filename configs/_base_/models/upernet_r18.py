"""UperNet of MMSegmentation (arXiv 1807.10221) on the ResNet-18 of MaskFormer.

256 channels, as MaskFormer's pixel decoder, where MMSegmentation's recipes have 512:
the parameters are then about as many as MaskFormer's. The auxiliary head of weight 0.4
is that of the recipes.
"""

_base_ = ["maskformer_r18.py", "fcn_auxiliary.py"]

model = dict(
    type="EncoderDecoder",
    decode_head=dict(
        _delete_=True,
        type="UPerHead",
        in_channels=[64, 128, 256, 512],
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3, 6),
        channels=256,
        dropout_ratio=0.1,
        num_classes=150,
        norm_cfg=dict(type="BN", requires_grad=True),
        align_corners=False,
        loss_decode=dict(type="CrossEntropyLoss", loss_weight=1.0),
    ),
    auxiliary_head=dict(_base_.auxiliary_head, channels=256),
)
