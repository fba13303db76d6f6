"""MaskFormer with ResNet-101c: a deep stem, and dilations 1, 2, 4 in the last stage.

The three 3x3 convolutions of the stem are 64, 64 and 128 wide; the last stage keeps
stride 32. The ImageNet weights are detectron2's, in the names of that project.
"""

_base_ = "maskformer_r101.py"

model = dict(
    init_cfg=dict(
        type="Pretrained",
        checkpoint="https://dl.fbaipublicfiles.com/detectron2/DeepLab/R-103.pkl",
    ),
    backbone=dict(
        type="ResNetV1c",
        stem_channels=128,
        strides=(1, 2, 2, 2),
        dilations=(1, 1, 1, 1),
        multi_grid=(1, 2, 4),
        init_cfg=None,
    ),
)
