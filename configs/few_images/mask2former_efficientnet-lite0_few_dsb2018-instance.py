r"""Small Mask2Former for few images with objects as instances, EfficientNet-Lite0.

With all images of the nuclei; the base for objects of your own (docs/few_images.md).

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/few_images/mask2former_efficientnet-lite0_few_dsb2018-instance.py
"""

_base_ = "mask2former_efficientnet-lite0_few_dsb2018-instance-50.py"

train_dataloader = dict(dataset=dict(indices=None))
val_dataloader = dict(
    dataset=dict(
        ann_file="instances_val.json",
        data_prefix=dict(img="images/val"),
        indices=None,
    )
)
val_evaluator = [_base_.mask_ap]
