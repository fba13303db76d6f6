r"""PerPixelBaseline with a pretrained EfficientNet-Lite0 on CamVid.

python tools/train.py --amp \
    configs/per_pixel_baseline/per_pixel_baseline_efficientnet-lite0_1xb4-2k_camvid-256x256.py
"""

_base_ = [
    "../maskformer/maskformer_efficientnet-lite0_1xb4-2k_camvid-256x256.py",
    "../_base_/models/per_pixel_plus.py",
]

model = _base_.per_pixel
