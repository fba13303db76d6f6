"""What the network of a semantic model becomes in MMDetection: things, stuff of COCO.

A panoptic model file names this file beside its semantic twin and puts them together.
"""

detector = dict(
    type="mmseg_maskformer.MaskFormerDetector",
    data_preprocessor=dict(
        type="DetDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=1,
    ),
    num_things_classes=80,
    num_stuff_classes=53,
)
