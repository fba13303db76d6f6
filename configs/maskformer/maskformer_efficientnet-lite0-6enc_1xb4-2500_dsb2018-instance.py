r"""MaskFormer with a pretrained EfficientNet-Lite0 on nuclei as instances only.

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/maskformer/maskformer_efficientnet-lite0-6enc_1xb4-2500_dsb2018-instance.py
"""

_base_ = [
    "../_base_/models/maskformer_efficientnet-lite0-6enc_panoptic.py",
    "../_base_/datasets/dsb2018_instance.py",
    "../_base_/schedules/schedule_2500_pretrained.py",
    "../_base_/default_runtime_mmdet.py",
]

randomness = dict(seed=0)
model = dict(
    num_things_classes=1,
    num_stuff_classes=0,
    test_cfg=dict(panoptic_on=False, semantic_on=False),
)
