"""PerPixelBaseline R101 on Cityscapes: paper Table 2, 77.4 mIoU, 58.9 PQ-St.

bash tools/dist_train.sh \
    configs/studies/others/per_pixel_baseline_r101_8xb2-90k_cityscapes-512x1024.py 8
"""

_base_ = "../../maskformer/maskformer_r101_8xb2-90k_cityscapes-512x1024.py"

model = dict(
    # images keep their size in evaluation, as in the other per-pixel baselines
    data_preprocessor=dict(size_divisor=1, test_cfg=dict(size_divisor=1)),
    decode_head=dict(
        network=dict(type="PerPixelBaseline", transformer_decoder=None),
        criterion=dict(_delete_=True, type="PixelCriterion"),
    ),
)
