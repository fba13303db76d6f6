"""PerPixelBaseline+ with ResNet-50: a query per class gives its classifier."""

_base_ = "per_pixel_baseline_r50.py"

model = dict(
    decode_head=dict(
        network=dict(
            transformer_decoder=dict(
                _delete_=True, type="TransformerDecoder", num_queries=None
            )
        ),
    )
)
