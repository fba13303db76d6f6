"""PerPixelBaseline on scenes of 150 classes: paper Table 2, on scenes.

python tools/train.py configs/studies/scenes/per_pixel_baseline_tiny_scenes-150.py
"""

_base_ = "maskformer_tiny_scenes-150.py"

model = dict(
    decode_head=dict(
        network=dict(type="PerPixelBaseline", transformer_decoder=None),
        criterion=dict(_delete_=True, type="PixelCriterion"),
    ),
)
