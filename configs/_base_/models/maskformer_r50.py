"""MaskFormer with ResNet-50: FPN pixel decoder, six decoder layers, 100 queries.

Frozen batch norms, as in every ResNet configuration of the paper's code.
"""

model = dict(
    type="mmseg_maskformer.MaskFormerSegmentor",
    data_preprocessor=dict(
        type="SegDataPreProcessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size_divisor=32,
        test_cfg=dict(size_divisor=32),
    ),
    backbone=dict(
        type="ResNet",
        depth=50,
        norm_cfg=dict(type="BN", requires_grad=False),
        norm_eval=True,
        style="pytorch",
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet50"),
    ),
    decode_head=dict(
        type="mmseg_maskformer.MaskFormerHead",
        in_channels=[256, 512, 1024, 2048],
        num_classes=150,
        network=dict(
            type="MaskFormer",
            pixel_decoder=dict(type="FPNPixelDecoder"),
            transformer_decoder=dict(type="TransformerDecoder", num_queries=100),
        ),
        criterion=dict(
            type="SetCriterion",
            loss_cls=dict(type="ClassificationLoss", weight=1.0, no_object_weight=0.1),
            loss_mask=dict(type="FocalMaskLoss", weight=20.0),
            loss_dice=dict(type="DiceLoss", weight=1.0),
        ),
    ),
    test_cfg=dict(mode="whole"),
)
