"""Mask2Former with Swin-L and 200 queries, for panoptic and instance segmentation."""

_base_ = "mask2former_swin-l.py"

queries = dict(num_queries=200)
model = dict(decode_head=dict(network=dict(transformer_decoder=queries)))
