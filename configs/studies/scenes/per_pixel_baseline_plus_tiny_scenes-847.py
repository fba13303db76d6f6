"""PerPixelBaseline+ on scenes of 847 classes: paper Tables 2 and 4, on scenes.

python tools/train.py configs/studies/scenes/per_pixel_baseline_plus_tiny_scenes-847.py
"""

_base_ = "maskformer_tiny_scenes-847.py"

model = dict(
    decode_head=dict(
        # a query for each class
        network=dict(
            type="PerPixelBaseline", transformer_decoder=dict(num_queries=None)
        ),
        criterion=dict(_delete_=True, type="PixelCriterion"),
    ),
)
