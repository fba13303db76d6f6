r"""MaskFormer with ResNet-18 on CamVid, from scratch, small enough for two CPU cores.

57.55 val mIoU after 4,000 iterations (docs/camvid.md).

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/maskformer/maskformer_r18_1xb4-4k_camvid-256x256.py
"""

_base_ = [
    "../_base_/models/maskformer_r18.py",
    "../_base_/datasets/camvid_256x256.py",
    "../_base_/schedules/schedule_4k.py",
    "../_base_/default_runtime.py",
]

randomness = dict(seed=0)
model = dict(
    decode_head=dict(
        num_classes=11, network=dict(transformer_decoder=dict(num_queries=50))
    )
)
