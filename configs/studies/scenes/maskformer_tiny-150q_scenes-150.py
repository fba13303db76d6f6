"""MaskFormer with 150 queries on scenes: paper section 4.4 and Table 4, on scenes.

python tools/train.py configs/studies/scenes/maskformer_tiny-150q_scenes-150.py
"""

_base_ = "maskformer_tiny_scenes-150.py"

model = dict(decode_head=dict(network=dict(transformer_decoder=dict(num_queries=150))))
