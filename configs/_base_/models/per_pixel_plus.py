"""Turns a MaskFormer model into PerPixelBaseline+ or PerPixelBaseline.

The first has a query for each class, the second none; images keep their size in
evaluation, as in the paper's code. A config names this file beside a MaskFormer model
and merges one into the model: model = _base_.per_pixel_plus. Scenes have one size, and
take its decode_head alone.
"""

unpadded = dict(size_divisor=1, test_cfg=dict(size_divisor=1))
criterion = dict(_delete_=True, type="PixelCriterion")
per_pixel_plus = dict(
    data_preprocessor=unpadded,
    decode_head=dict(
        network=dict(
            type="PerPixelBaseline", transformer_decoder=dict(num_queries=None)
        ),
        criterion=criterion,
    ),
)
per_pixel = dict(
    data_preprocessor=unpadded,
    decode_head=dict(
        network=dict(type="PerPixelBaseline", transformer_decoder=None),
        criterion=criterion,
    ),
)
