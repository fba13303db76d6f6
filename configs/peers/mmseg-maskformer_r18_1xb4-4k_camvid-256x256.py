"""MMSegmentation's own MaskFormerHead in the place of ours, all else equal.

The other side of the comparison in docs/camvid.md; needs mmdet, and on a GPU its focal
loss, a compiled operator of mmcv.
    python tools/train.py --amp \
        configs/peers/mmseg-maskformer_r18_1xb4-4k_camvid-256x256.py
"""

_base_ = [
    "../maskformer/maskformer_r18_1xb4-4k_camvid-256x256.py",
    "../_base_/models/mmseg_maskformer.py",
]

ours = _base_.model.decode_head
loss_cls = dict(_base_.mmseg_loss_cls, class_weight=[1.0] * ours.num_classes + [0.1])
model = dict(
    **_base_.mmseg_maskformer,
    decode_head=dict(
        **_base_.mmseg_head,
        in_channels=ours.in_channels,
        num_classes=ours.num_classes,
        num_queries=ours.network.transformer_decoder.num_queries,
        loss_cls=loss_cls,
    ),
)
