"""MaskFormer with one decoder layer: paper Table VIII, on scenes.

python tools/train.py configs/studies/scenes/maskformer_tiny-1dec_scenes-150.py
"""

_base_ = "maskformer_tiny_scenes-150.py"

model = dict(decode_head=dict(network=dict(transformer_decoder=dict(num_layers=1))))
