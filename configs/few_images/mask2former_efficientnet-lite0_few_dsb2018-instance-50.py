r"""Small Mask2Former on 50 images of nuclei, with a pretrained EfficientNet-Lite0.

Recipe and results are in docs/few_images.md.

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/few_images/mask2former_efficientnet-lite0_few_dsb2018-instance-50.py
"""

_base_ = [
    "maskformer_efficientnet-lite0-6enc_few_dsb2018-instance-50.py",
    "../_base_/models/mask2former_small.py",
]

model = _base_.mask2former
# many small steps tell nuclei apart sooner than a few of 16 images
optim_wrapper = dict(accumulative_counts=1, optimizer=dict(lr=1e-3))
