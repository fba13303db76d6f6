r"""MaskFormer on 50 images of CamVid, with a pretrained EfficientNet-Lite0.

Recipe and results are in docs/few_images.md.

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/few_images/maskformer_efficientnet-lite0_few_camvid-50.py
"""

_base_ = [
    "../_base_/models/maskformer_efficientnet-lite0.py",
    "../_base_/datasets/camvid-50_256x256.py",
    "../_base_/schedules/few_images.py",
    "../_base_/default_runtime.py",
]

randomness = dict(seed=0)
model = dict(
    decode_head=dict(
        num_classes=11, network=dict(transformer_decoder=dict(num_queries=50))
    )
)
