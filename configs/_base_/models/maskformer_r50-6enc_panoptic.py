"""Panoptic MaskFormer with ResNet-50 and six encoder layers in the pixel decoder.

Things and stuff of COCO. Frozen batch norms, as in the paper's code.
"""

data_preprocessor = dict(
    type="DetDataPreprocessor",
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_size_divisor=1,
)
model = dict(
    type="mmseg_maskformer.MaskFormerDetector",
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type="ResNet",
        depth=50,
        norm_cfg=dict(type="BN", requires_grad=False),
        norm_eval=True,
        style="pytorch",
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet50"),
    ),
    in_channels=[256, 512, 1024, 2048],
    num_things_classes=80,
    num_stuff_classes=53,
    pixel_decoder=dict(
        type="FPNPixelDecoder",
        encoder=dict(type="TransformerEncoder", num_layers=6),
    ),
    transformer_decoder=dict(type="TransformerDecoder", num_queries=100),
    criterion=dict(
        type="SetCriterion",
        loss_cls=dict(type="ClassificationLoss", weight=1.0, no_object_weight=0.1),
        loss_mask=dict(type="FocalMaskLoss", weight=20.0),
        loss_dice=dict(type="DiceLoss", weight=1.0),
    ),
    test_cfg=dict(object_mask_thr=0.8, iou_thr=0.8, max_per_image=100),
)
