r"""PerPixelBaseline+ on CCP beside our MaskFormer: only heads differ.

One side of the comparison in docs/evidence.md.

python tools/train.py --amp configs/per_pixel_baseline/\
per_pixel_baseline_plus_efficientnet-lite0_1xb8-3k_ccp-256x192.py
"""

_base_ = [
    "../maskformer/maskformer_efficientnet-lite0_1xb8-3k_ccp-256x192.py",
    "../_base_/models/per_pixel_plus.py",
]

model = _base_.per_pixel_plus
