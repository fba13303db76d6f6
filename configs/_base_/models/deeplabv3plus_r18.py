"""DeepLabV3+ of MMSegmentation (arXiv 1802.02611) on the ResNet-18 of MaskFormer.

Output stride 16, as the paper's default: the last stage dilates instead of striding.
The paper's rates, 6, 12 and 18, are for crops of 513, 33 cells at this stride. Crops of
256 have 16, and 3, 6 and 9 are the same shares of these. A rate beyond the cells of a
crop sees nothing but padding in training, and weights that were never trained decide
where whole images are evaluated. Widths and the auxiliary head of weight 0.4 are those
of MMSegmentation's recipes for ResNet-18.
"""

_base_ = ["maskformer_r18.py", "fcn_auxiliary.py"]

model = dict(
    type="EncoderDecoder",
    backbone=dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)),
    decode_head=dict(
        _delete_=True,
        type="DepthwiseSeparableASPPHead",
        in_channels=512,
        in_index=3,
        channels=128,
        dilations=(1, 3, 6, 9),
        c1_in_channels=64,
        c1_channels=12,
        dropout_ratio=0.1,
        num_classes=150,
        norm_cfg=dict(type="BN", requires_grad=True),
        align_corners=False,
        loss_decode=dict(type="CrossEntropyLoss", loss_weight=1.0),
    ),
    auxiliary_head=_base_.auxiliary_head,
)
