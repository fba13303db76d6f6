"""Mask2Former on the pixel decoder of MaskFormer: paper Tables 4e and XI, on scenes.

python tools/train.py \
    configs/studies/mask2former/mask2former_tiny-fpn_scenes-panoptic.py
"""

_base_ = "mask2former_tiny-3k_scenes-panoptic.py"

attention = dict(num_layers=2, num_heads=4, embed_dim=64, ffn_dim=256, dropout=0.0)
widths = dict(out_channels=64, mask_channels=64)
pyramid = dict(
    _delete_=True,
    type="FPNPixelDecoder",
    encoder=dict(type="TransformerEncoder", **attention),
    multi_scale_memory=True,
    **widths,
)
model = dict(decode_head=dict(network=dict(pixel_decoder=pyramid)))
