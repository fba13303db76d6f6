"""MaskFormer with 3 decoder layers: between rows of paper Table VIII.

python tools/train.py configs/studies/scenes/maskformer_tiny-3dec_scenes-150.py
"""

_base_ = "maskformer_tiny_scenes-150.py"

model = dict(decode_head=dict(network=dict(transformer_decoder=dict(num_layers=3))))
