"""Mask2Former of 64 channels, two encoder and three decoder layers, for CPUs.

Losses on 3,136 points: masks of small images have some thousand cells.
"""

_base_ = "mask2former.py"

narrow = dict(embed_dim=64, num_heads=4, ffn_dim=256)
mask2former = dict(
    decode_head=dict(
        network=dict(
            pixel_decoder=dict(num_layers=2, mask_channels=64, **narrow),
            transformer_decoder=dict(num_layers=3, **narrow),
        ),
        criterion=dict(masks=dict(num_points=3136)),
    ),
)
