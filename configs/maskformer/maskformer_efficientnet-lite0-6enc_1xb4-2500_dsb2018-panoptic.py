r"""Panoptic MaskFormer with a pretrained EfficientNet-Lite0 on nuclei.

One side of a comparison in docs/evidence.md.

MASKFORMER_DATA=/path/to/data python tools/train.py --amp \
        configs/maskformer/maskformer_efficientnet-lite0-6enc_1xb4-2500_dsb2018-panoptic.py
"""

_base_ = [
    "../_base_/models/maskformer_efficientnet-lite0-6enc_panoptic.py",
    "../_base_/datasets/dsb2018_panoptic.py",
    "../_base_/schedules/schedule_2500_pretrained.py",
    "../_base_/default_runtime_mmdet.py",
]

randomness = dict(seed=0)
model = dict(
    num_things_classes=1,
    num_stuff_classes=1,
    # below the paper's 0.8: after 23 epochs few queries are that sure
    test_cfg=dict(object_mask_thr=0.5, iou_thr=0.5),
)
