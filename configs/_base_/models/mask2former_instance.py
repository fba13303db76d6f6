"""As panoptic.py for instances alone, 80 classes, with the padding of Mask2Former."""

_base_ = "panoptic.py"

panoptic = dict(
    data_preprocessor=dict(pad_size_divisor=32),
    num_stuff_classes=0,
    test_cfg=dict(panoptic_on=False, semantic_on=False),
)
