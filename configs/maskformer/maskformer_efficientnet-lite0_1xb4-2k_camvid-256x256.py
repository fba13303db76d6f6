r"""MaskFormer with a pretrained EfficientNet-Lite0 on CamVid, minutes on a GPU.

63.5 val mIoU after 1,000 iterations (docs/performance.md).

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/maskformer/maskformer_efficientnet-lite0_1xb4-2k_camvid-256x256.py
"""

_base_ = [
    "../_base_/models/maskformer_efficientnet-lite0.py",
    "../_base_/datasets/camvid_256x256.py",
    "../_base_/schedules/schedule_2k_pretrained.py",
    "../_base_/default_runtime.py",
]

randomness = dict(seed=0)
model = dict(
    decode_head=dict(
        num_classes=11, network=dict(transformer_decoder=dict(num_queries=50))
    )
)
