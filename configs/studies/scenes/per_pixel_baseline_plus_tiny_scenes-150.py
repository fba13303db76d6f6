"""PerPixelBaseline+ on scenes of 150 classes: paper Tables 2 and 4, on scenes.

python tools/train.py configs/studies/scenes/per_pixel_baseline_plus_tiny_scenes-150.py
"""

_base_ = ["maskformer_tiny_scenes-150.py", "../../_base_/models/per_pixel_plus.py"]

model = dict(decode_head=_base_.per_pixel_plus.decode_head)
