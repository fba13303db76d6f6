"""Mask2Former R50 on Semantic FPN: paper Table 4e, 51.2 PQ.

With the encoder of MaskFormer's panoptic models, as the paper's FLOPs suggest.

bash tools/dist_train.sh \
configs/studies/mask2former/mask2former_r50-semantic-fpn_8xb2-lsj-50e_coco-panoptic.py 8
"""

_base_ = "mask2former_r50-fpn_8xb2-lsj-50e_coco-panoptic.py"

pyramid = dict(type="SemanticFPNPixelDecoder", encoder=_base_.pyramid.encoder)
model = dict(decode_head=dict(network=dict(pixel_decoder=dict(pyramid, _delete_=True))))
