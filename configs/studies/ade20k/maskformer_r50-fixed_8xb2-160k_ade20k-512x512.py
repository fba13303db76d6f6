"""MaskFormer-fixed, query k for class k: paper Table 4, 43.7 mIoU, 30.3 PQ-St.

bash tools/dist_train.sh \
    configs/studies/ade20k/maskformer_r50-fixed_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = [
    "../../maskformer/maskformer_r50_8xb2-160k_ade20k-512x512.py",
    "../../_base_/models/fixed_queries.py",
]

model = _base_.fixed_queries
