r"""Small Mask2Former for few images with objects, a pretrained EfficientNet-Lite0.

Panoptic, from which instances and label maps come, too; all images of a folder like
that of the nuclei (docs/few_images.md).

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/few_images/mask2former_efficientnet-lite0_few_dsb2018-panoptic.py
"""

_base_ = [
    "../_base_/models/maskformer_efficientnet-lite0-6enc_panoptic.py",
    "../_base_/models/mask2former_small.py",
    "../_base_/datasets/dsb2018_panoptic.py",
    "../_base_/schedules/few_images.py",
    "../_base_/default_runtime_mmdet.py",
]

randomness = dict(seed=0)
model = dict(
    _base_.mask2former,
    num_things_classes=1,
    num_stuff_classes=1,
    test_cfg=dict(panoptic_rule="mask2former", object_mask_thr=0.5, iou_thr=0.5),
)
# many small steps tell nuclei apart sooner than a few of 16 images
optim_wrapper = dict(accumulative_counts=1, optimizer=dict(lr=1e-3))
custom_hooks = [_base_.average, dict(_base_.early_stopping, monitor="PQ")]
default_hooks = dict(checkpoint=dict(save_best="PQ"))
