"""MaskFormer with EfficientNet-Lite0, ImageNet weights, 4.7 million parameters.

timm fetches the weights from its hub; to read a local file in timm's names, set
model.backbone.pretrained_cfg_overlay=dict(file="tf_efficientnet_lite0.safetensors").
"""

_base_ = "maskformer_r50.py"

model = dict(
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
    backbone=dict(
        _delete_=True,
        type="TIMMBackbone",
        model_name="tf_efficientnet_lite0",
        features_only=True,
        out_indices=(1, 2, 3, 4),
        pretrained=True,
    ),
    decode_head=dict(in_channels=[24, 40, 112, 320]),
)
