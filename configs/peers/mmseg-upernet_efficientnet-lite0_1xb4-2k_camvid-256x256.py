r"""MMSegmentation's UperNet beside our MaskFormer on CamVid: only the head differs.

One side of a comparison in docs/evidence.md.
    python tools/train.py --amp \
        configs/peers/mmseg-upernet_efficientnet-lite0_1xb4-2k_camvid-256x256.py
"""

_base_ = [
    "../_base_/models/upernet_efficientnet-lite0.py",
    "../_base_/datasets/camvid_256x256.py",
    "../_base_/schedules/schedule_2k_pretrained.py",
    "../_base_/default_runtime.py",
]

randomness = dict(seed=0)
model = dict(decode_head=dict(num_classes=11), auxiliary_head=dict(num_classes=11))
