"""MaskFormer with 6 decoder layers: paper Table VIII, on scenes.

python tools/train.py configs/studies/scenes/maskformer_tiny-6dec_scenes-150.py
"""

_base_ = "maskformer_tiny_scenes-150.py"

model = dict(decode_head=dict(network=dict(transformer_decoder=dict(num_layers=6))))
