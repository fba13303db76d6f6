"""Mask2Former on Semantic FPN: paper Table 4e, on scenes.

python tools/train.py \
    configs/studies/mask2former/mask2former_tiny-semantic-fpn_scenes-panoptic.py
"""

_base_ = "mask2former_tiny-fpn_scenes-panoptic.py"

encoder = _base_.pyramid.encoder
pyramid = dict(type="SemanticFPNPixelDecoder", encoder=encoder, **_base_.widths)
model = dict(decode_head=dict(network=dict(pixel_decoder=dict(pyramid, _delete_=True))))
