"""MaskFormer with 300 queries on scenes of 150 classes: paper section 4.4, on scenes.

python tools/train.py configs/studies/scenes/maskformer_tiny-300q_scenes-150.py
"""

_base_ = "maskformer_tiny_scenes-150.py"

model = dict(decode_head=dict(network=dict(transformer_decoder=dict(num_queries=300))))
