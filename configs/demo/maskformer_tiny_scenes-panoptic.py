"""A small panoptic MaskFormer on rendered scenes, 6 things and 6 stuff, in minutes.

python tools/demo.py --panoptic
"""

_base_ = [
    "../_base_/models/maskformer_r18-6enc_panoptic.py",
    "../_base_/datasets/scenes_panoptic.py",
    "../_base_/schedules/schedule_1500.py",
    "../_base_/default_runtime_mmdet.py",
]

randomness = dict(seed=0)
# Images are small: strides 4, 8, 8, 8 leave the queries 16 x 16 cells to attend to.
backbone = dict(base_channels=16, strides=(1, 2, 1, 1))
attention = dict(num_layers=2, num_heads=4, ffn_dim=256)
model = dict(
    backbone=backbone,
    num_things_classes=6,
    num_stuff_classes=6,
    decode_head=dict(
        in_channels=[16, 32, 64, 128],
        network=dict(
            pixel_decoder=dict(encoder=attention),
            transformer_decoder=dict(num_queries=20, **attention),
        ),
        criterion=dict(loss_dice=dict(weight=1.0)),
    ),
    test_cfg=dict(instance_on=False),  # no metric here looks at instances
)
