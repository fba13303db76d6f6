"""Turns a model of MMSegmentation into one of MMDetection, with the classes of COCO.

A config names this file beside a model file and merges it into the model:
model = dict(_base_.panoptic, ...). Network, criterion and backbone stay as they are.
"""

panoptic = dict(
    type="mmseg_maskformer.MaskFormerDetector",
    data_preprocessor=dict(
        _delete_=True,
        type="DetDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=1,
    ),
    decode_head=dict(num_classes=None),  # the sum of the following
    num_things_classes=80,
    num_stuff_classes=53,
    test_cfg=dict(_delete_=True),
)
