"""MaskFormer trained as Mask2Former: paper Table XI, on scenes.

Pixel decoder and decoder are the demo's; all else, losses at points too, is that of
Mask2Former.

python tools/train.py \
    configs/studies/mask2former/maskformer_tiny-points_scenes-panoptic.py
"""

_base_ = "mask2former_tiny-fpn_scenes-panoptic.py"

queries = dict(type="TransformerDecoder", num_queries=20, **_base_.attention)
network = dict(
    pixel_decoder=dict(multi_scale_memory=False),
    transformer_decoder=dict(queries, _delete_=True),
)
model = dict(decode_head=dict(network=network))
