"""PerPixelBaseline+ R101 on Cityscapes: paper Table 2, 78.5 mIoU, 60.2 PQ-St.

bash tools/dist_train.sh \
configs/studies/others/per_pixel_baseline_plus_r101_8xb2-90k_cityscapes-512x1024.py 8
"""

_base_ = [
    "../../maskformer/maskformer_r101_8xb2-90k_cityscapes-512x1024.py",
    "../../_base_/models/per_pixel_plus.py",
]

model = _base_.per_pixel_plus
