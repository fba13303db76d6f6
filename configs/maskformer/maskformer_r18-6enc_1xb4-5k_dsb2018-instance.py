r"""MaskFormer with ResNet-18 on nuclei as instances only, on two CPU cores.

MASKFORMER_DATA=/path/to/data python tools/train.py \
        configs/maskformer/maskformer_r18-6enc_1xb4-5k_dsb2018-instance.py
"""

_base_ = [
    "../_base_/models/maskformer_r18-6enc_panoptic.py",
    "../_base_/datasets/dsb2018_instance.py",
    "../_base_/schedules/schedule_5k.py",
    "../_base_/default_runtime_mmdet.py",
]

randomness = dict(seed=0)
model = dict(
    num_things_classes=1,
    num_stuff_classes=0,
    test_cfg=dict(panoptic_on=False, semantic_on=False),
)
