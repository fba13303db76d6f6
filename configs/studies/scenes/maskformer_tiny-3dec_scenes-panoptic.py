"""Panoptic MaskFormer with 3 decoder layers: between rows of paper Table VIII.

python tools/train.py configs/studies/scenes/maskformer_tiny-3dec_scenes-panoptic.py
"""

_base_ = "../../demo/maskformer_tiny_scenes-panoptic.py"

model = dict(decode_head=dict(network=dict(transformer_decoder=dict(num_layers=3))))
