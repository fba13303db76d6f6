r"""MaskFormer on 50 images of nuclei as instances, a pretrained EfficientNet-Lite0.

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/few_images/maskformer_efficientnet-lite0-6enc_few_dsb2018-instance-50.py
"""

_base_ = [
    "../_base_/models/maskformer_efficientnet-lite0-6enc_panoptic.py",
    "../_base_/datasets/dsb2018-50_instance.py",
    "../_base_/schedules/few_images.py",
    "../_base_/default_runtime_mmdet.py",
]

randomness = dict(seed=0)
model = dict(
    num_things_classes=1,
    num_stuff_classes=0,
    test_cfg=dict(panoptic_on=False, semantic_on=False),
)
score = "coco/segm_mAP"  # from 0 to 1
custom_hooks = [
    _base_.average,
    dict(_base_.early_stopping, monitor=score, min_delta=0.001),
]
default_hooks = dict(checkpoint=dict(save_best=score))
