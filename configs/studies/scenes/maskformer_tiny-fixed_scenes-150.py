"""MaskFormer, query k for class k, on scenes of 150 classes: paper Table 4.

python tools/train.py configs/studies/scenes/maskformer_tiny-fixed_scenes-150.py
"""

_base_ = ["maskformer_tiny_scenes-150.py", "../../_base_/models/fixed_queries.py"]

model = _base_.fixed_queries
