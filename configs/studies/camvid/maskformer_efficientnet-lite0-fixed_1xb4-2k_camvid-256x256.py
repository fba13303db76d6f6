r"""MaskFormer-fixed, query k for class k, on CamVid with a pretrained backbone.

python tools/train.py --amp \
    configs/studies/camvid/maskformer_efficientnet-lite0-fixed_1xb4-2k_camvid-256x256.py
"""

_base_ = [
    "../../maskformer/maskformer_efficientnet-lite0_1xb4-2k_camvid-256x256.py",
    "../../_base_/models/fixed_queries.py",
]

model = _base_.fixed_queries
