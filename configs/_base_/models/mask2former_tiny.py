"""As mask2former_small.py with 20 queries, for scenes of few things."""

_base_ = "mask2former_small.py"

queries = dict(num_queries=20)
mask2former = dict(
    decode_head=dict(
        network=dict(transformer_decoder=queries),
        # More than the paper's 2.0: classes are learned within minutes then.
        criterion=dict(loss_cls=dict(weight=8.0)),
    ),
)
