"""PerPixelBaseline on scenes of 847 classes: paper Table 2, on scenes.

python tools/train.py configs/studies/scenes/per_pixel_baseline_tiny_scenes-847.py
"""

_base_ = ["maskformer_tiny_scenes-847.py", "../../_base_/models/per_pixel_plus.py"]

model = dict(decode_head=_base_.per_pixel.decode_head)
