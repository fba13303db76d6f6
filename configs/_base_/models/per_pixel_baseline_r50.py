"""PerPixelBaseline with ResNet-50: FPN pixel decoder and a linear classifier of pixels.

Images keep their size in evaluation, as in the paper's code, which pads them for
MaskFormer only.
"""

_base_ = ["maskformer_r50.py", "per_pixel_plus.py"]

model = _base_.per_pixel
