"""Turns a MaskFormer model into MaskFormer-fixed: query k for class k.

A config names this file beside a MaskFormer model and merges it into the model:
model = _base_.fixed_queries.
"""

fixed_queries = dict(
    decode_head=dict(
        network=dict(transformer_decoder=dict(num_queries=None)),  # one for each class
        criterion=dict(assigner=dict(type="FixedAssigner")),
    ),
)
