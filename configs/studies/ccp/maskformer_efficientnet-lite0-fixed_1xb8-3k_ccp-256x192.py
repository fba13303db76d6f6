r"""MaskFormer-fixed, query k for class k, on CCP (docs/evidence.md).

python tools/train.py --amp configs/studies/ccp/\
maskformer_efficientnet-lite0-fixed_1xb8-3k_ccp-256x192.py
"""

_base_ = [
    "../../maskformer/maskformer_efficientnet-lite0_1xb8-3k_ccp-256x192.py",
    "../../_base_/models/fixed_queries.py",
]

model = _base_.fixed_queries
