"""PerPixelBaseline+ with ResNet-50: a query per class gives its classifier."""

_base_ = ["maskformer_r50.py", "per_pixel_plus.py"]

model = _base_.per_pixel_plus
