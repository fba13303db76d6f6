r"""Small Mask2Former with a pretrained EfficientNet-Lite0 on CamVid.

Backbone, data and schedule are those of MaskFormer, but for the learning rate
(docs/evidence.md).

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/mask2former/mask2former_efficientnet-lite0_1xb4-2k_camvid-256x256.py
"""

_base_ = [
    "../maskformer/maskformer_efficientnet-lite0_1xb4-2k_camvid-256x256.py",
    "../_base_/models/mask2former_small.py",
]

model = _base_.mask2former
optim_wrapper = dict(optimizer=dict(lr=1e-3))
