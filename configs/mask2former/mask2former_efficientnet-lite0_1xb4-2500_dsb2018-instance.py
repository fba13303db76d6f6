r"""Small Mask2Former with a pretrained EfficientNet-Lite0 on nuclei as instances.

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/mask2former/mask2former_efficientnet-lite0_1xb4-2500_dsb2018-instance.py
"""

_base_ = [
    "../_base_/models/maskformer_efficientnet-lite0-6enc_panoptic.py",
    "../_base_/models/mask2former_small.py",
    "../_base_/datasets/dsb2018_instance.py",
    "../_base_/schedules/schedule_2500_pretrained.py",
    "../_base_/default_runtime_mmdet.py",
]

randomness = dict(seed=0)
model = dict(
    _base_.mask2former,
    num_things_classes=1,
    num_stuff_classes=0,
    test_cfg=dict(panoptic_on=False, semantic_on=False),
)
