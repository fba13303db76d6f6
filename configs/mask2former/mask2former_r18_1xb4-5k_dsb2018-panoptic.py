r"""Mask2Former with a narrow ResNet-18 on nuclei panoptic, for two CPU cores.

Backbone, data and schedule are those of MaskFormer.

MASKFORMER_DATA=/path/to/data python tools/train.py \
        configs/mask2former/mask2former_r18_1xb4-5k_dsb2018-panoptic.py
"""

_base_ = [
    "../maskformer/maskformer_r18-6enc_1xb4-5k_dsb2018-panoptic.py",
    "../_base_/models/mask2former_small.py",
]

model = dict(_base_.mask2former, test_cfg=dict(panoptic_rule="mask2former"))
