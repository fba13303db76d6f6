"""As panoptic.py, with the panoptic rule and the padding of Mask2Former."""

_base_ = "panoptic.py"

panoptic = dict(
    data_preprocessor=dict(pad_size_divisor=32),
    test_cfg=dict(panoptic_rule="mask2former"),
)
