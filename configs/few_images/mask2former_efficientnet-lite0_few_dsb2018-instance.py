r"""Small Mask2Former for few images with objects as instances, EfficientNet-Lite0.

With all images of the nuclei; the base for objects of your own (docs/few_images.md).
Images and crops without an object are trained on, too, where the hosts would draw
others in their place.

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/few_images/mask2former_efficientnet-lite0_few_dsb2018-instance.py
"""

_base_ = "mask2former_efficientnet-lite0_few_dsb2018-instance-50.py"

with_empty = dict(
    RandomCrop=dict(allow_negative_crop=True), FilterAnnotations=dict(keep_empty=False)
)
train_pipeline = [
    dict(x, **with_empty.get(x["type"], {})) for x in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(indices=None, pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(
        ann_file="instances_val.json",
        data_prefix=dict(img="images/val"),
        indices=None,
    )
)
val_evaluator = [_base_.mask_ap]
