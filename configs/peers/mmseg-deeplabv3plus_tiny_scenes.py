"""MMSegmentation's DeepLabV3+ beside the demo's MaskFormer: only the head differs.

python tools/train.py configs/peers/mmseg-deeplabv3plus_tiny_scenes.py
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r18.py",
    "../_base_/datasets/scenes.py",
    "../_base_/schedules/schedule_1500.py",
    "../_base_/default_runtime.py",
]

randomness = dict(seed=0)
# As maskformer_tiny.py: strides 4, 8, 8, 8, for images of 128 x 128.
backbone = dict(base_channels=16, stem_channels=32, strides=(1, 2, 1, 1))
widths = dict(in_channels=128, channels=64, c1_in_channels=16)
model = dict(
    backbone=dict(**backbone, dilations=(1, 1, 1, 1)),
    decode_head=dict(**widths, num_classes=12),
    auxiliary_head=dict(in_channels=64, channels=32, num_classes=12),
)
