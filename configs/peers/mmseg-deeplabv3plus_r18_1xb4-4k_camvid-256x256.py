r"""MMSegmentation's DeepLabV3+ beside our MaskFormer on CamVid.

Data, schedule and backbone are the same; its last stage has stride 16 instead of 32.

One side of the comparison in docs/comparison.md.
    python tools/train.py --amp \
        configs/peers/mmseg-deeplabv3plus_r18_1xb4-4k_camvid-256x256.py
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r18.py",
    "../_base_/datasets/camvid_256x256.py",
    "../_base_/schedules/schedule_4k.py",
    "../_base_/default_runtime.py",
]

randomness = dict(seed=0)
model = dict(decode_head=dict(num_classes=11), auxiliary_head=dict(num_classes=11))
