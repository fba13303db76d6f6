"""PerPixelBaseline+ with ResNet-18 on CamVid beside our MaskFormer: only heads differ.

One side of the comparison in docs/comparison.md.
    python tools/train.py --amp \
        configs/per_pixel_baseline/per_pixel_baseline_plus_r18_1xb4-4k_camvid-256x256.py
"""

_base_ = "../maskformer/maskformer_r18_1xb4-4k_camvid-256x256.py"

model = dict(
    data_preprocessor=dict(size_divisor=1, test_cfg=dict(size_divisor=1)),
    decode_head=dict(
        # a query for each class
        network=dict(
            type="PerPixelBaseline", transformer_decoder=dict(num_queries=None)
        ),
        criterion=dict(_delete_=True, type="PixelCriterion"),
    ),
)
