"""Mask2Former R50 on the pixel decoder of MaskFormer: Tables 4e and XI, 50.7 PQ.

With the encoder of MaskFormer's panoptic models, as the paper's FLOPs suggest.

bash tools/dist_train.sh \
    configs/studies/mask2former/mask2former_r50-fpn_8xb2-lsj-50e_coco-panoptic.py 8
"""

_base_ = "../../mask2former/mask2former_r50_8xb2-lsj-50e_coco-panoptic.py"

pyramid = dict(
    _delete_=True,
    type="FPNPixelDecoder",
    encoder=dict(type="TransformerEncoder", num_layers=6),
    multi_scale_memory=True,
)
model = dict(decode_head=dict(network=dict(pixel_decoder=pyramid)))
