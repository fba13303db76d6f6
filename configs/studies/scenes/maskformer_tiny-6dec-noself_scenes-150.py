"""Six decoder layers without self-attention: paper Table VIII, on scenes.

python tools/train.py configs/studies/scenes/maskformer_tiny-6dec-noself_scenes-150.py
"""

_base_ = "maskformer_tiny-6dec_scenes-150.py"

model = dict(
    decode_head=dict(network=dict(transformer_decoder=dict(self_attention=False)))
)
