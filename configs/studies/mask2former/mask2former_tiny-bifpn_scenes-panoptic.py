"""Mask2Former on BiFPN: paper Table 4e, on scenes.

python tools/train.py \
    configs/studies/mask2former/mask2former_tiny-bifpn_scenes-panoptic.py
"""

_base_ = "mask2former_tiny-3k_scenes-panoptic.py"

pyramid = dict(
    _delete_=True, type="BiFPNPixelDecoder", out_channels=64, mask_channels=64
)
model = dict(decode_head=dict(network=dict(pixel_decoder=pyramid)))
