r"""Mask2Former with ResNet-18 on CamVid, from scratch, for two CPU cores.

Backbone, data and schedule are those of MaskFormer.

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/mask2former/mask2former_r18_1xb4-4k_camvid-256x256.py
"""

_base_ = [
    "../maskformer/maskformer_r18_1xb4-4k_camvid-256x256.py",
    "../_base_/models/mask2former_small.py",
]

model = _base_.mask2former
