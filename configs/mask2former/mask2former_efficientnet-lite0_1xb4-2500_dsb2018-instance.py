r"""Small Mask2Former with a pretrained EfficientNet-Lite0 on nuclei as instances.

Backbone, data and schedule are those of MaskFormer, the learning rate is higher.

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/mask2former/mask2former_efficientnet-lite0_1xb4-2500_dsb2018-instance.py
"""

_base_ = [
    "../maskformer/maskformer_efficientnet-lite0-6enc_1xb4-2500_dsb2018-instance.py",
    "../_base_/models/mask2former_small.py",
]

model = _base_.mask2former
optim_wrapper = dict(optimizer=dict(lr=1e-3))
