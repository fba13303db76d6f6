"""A MaskFormer for images of 128 x 128 pixels, from scratch in minutes on a CPU.

A narrow ResNet-18, two decoder layers, 64 channels, 20 queries, no dropout.
"""

_base_ = "maskformer_r18.py"

# Images are small: strides 4, 8, 8, 8 leave the queries 16 x 16 cells to attend to.
backbone = dict(base_channels=16, stem_channels=32, strides=(1, 2, 1, 1))
decoder = dict(num_queries=20, num_layers=2, num_heads=4, embed_dim=64, ffn_dim=256)
model = dict(
    backbone=backbone,
    decode_head=dict(
        in_channels=[16, 32, 64, 128],
        network=dict(
            pixel_decoder=dict(out_channels=64, mask_channels=64),
            transformer_decoder=dict(**decoder, dropout=0.0),
        ),
        # More than the paper's 1.0: queries then specialise within minutes.
        criterion=dict(loss_cls=dict(weight=2.0)),
    ),
)
