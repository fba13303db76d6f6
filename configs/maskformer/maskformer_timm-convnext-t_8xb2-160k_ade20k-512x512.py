"""MaskFormer with timm's ConvNeXt-T on ADE20K: an example, not in the paper.

Any timm model with maps at strides 4 to 32 fits; decode_head.in_channels says their
widths.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_timm-convnext-t_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = [
    "../_base_/models/maskformer_r50.py",
    "../_base_/datasets/ade20k_512x512.py",
    "../_base_/schedules/schedule_160k_swin.py",
    "../_base_/default_runtime.py",
]

model = dict(
    backbone=dict(
        _delete_=True,
        type="TIMMBackbone",
        model_name="convnext_tiny",
        features_only=True,
        pretrained=True,
    ),
    decode_head=dict(in_channels=[96, 192, 384, 768]),
)
