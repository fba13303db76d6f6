"""PerPixelBaseline with ResNet-50: FPN pixel decoder and a linear classifier of pixels.

Images keep their size in evaluation, as in the paper's code, which pads them for
MaskFormer only.
"""

_base_ = "maskformer_r50.py"

model = dict(
    data_preprocessor=dict(size_divisor=1, test_cfg=dict(size_divisor=1)),
    decode_head=dict(
        network=dict(type="PerPixelBaseline", transformer_decoder=None),
        criterion=dict(_delete_=True, type="PixelCriterion"),
    ),
)
