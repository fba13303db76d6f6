"""PerPixelBaseline+ with ResNet-18 on CamVid beside our MaskFormer: only heads differ.

One side of the comparison in docs/comparison.md.
    python tools/train.py --amp \
        configs/per_pixel_baseline/per_pixel_baseline_plus_r18_1xb4-4k_camvid-256x256.py
"""

_base_ = [
    "../maskformer/maskformer_r18_1xb4-4k_camvid-256x256.py",
    "../_base_/models/per_pixel_plus.py",
]

model = _base_.per_pixel_plus
