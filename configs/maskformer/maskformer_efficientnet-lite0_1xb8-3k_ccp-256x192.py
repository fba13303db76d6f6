r"""MaskFormer with a pretrained EfficientNet-Lite0 on CCP, 55 classes.

The first side of the comparison in docs/evidence.md.

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/maskformer/maskformer_efficientnet-lite0_1xb8-3k_ccp-256x192.py
"""

_base_ = [
    "../_base_/models/maskformer_efficientnet-lite0.py",
    "../_base_/datasets/ccp_256x192.py",
    "../_base_/schedules/schedule_3k_pretrained.py",
    "../_base_/default_runtime.py",
]

randomness = dict(seed=0)
fpn = dict(out_channels=128, mask_channels=128)  # half as many, for CPUs
model = dict(decode_head=dict(num_classes=55, network=dict(pixel_decoder=fpn)))
