"""Panoptic MaskFormer with ResNet-50 and six encoder layers in the pixel decoder."""

_base_ = ["maskformer_r50.py", "panoptic.py"]

encoder = dict(type="TransformerEncoder", num_layers=6)
model = dict(
    _base_.panoptic,
    decode_head=dict(
        _base_.panoptic.decode_head,
        network=dict(pixel_decoder=dict(encoder=encoder)),
    ),
)
