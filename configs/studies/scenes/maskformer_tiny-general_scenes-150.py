"""General inference, queries surer than 0.3: paper Table VII, on scenes.

The rule is one of inference: weights are those of the base, and train as there.

python tools/train.py configs/studies/scenes/maskformer_tiny-general_scenes-150.py
"""

_base_ = "maskformer_tiny_scenes-150.py"

model = dict(test_cfg=dict(semantic_rule="general", object_mask_thr=0.3))
