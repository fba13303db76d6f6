"""Mask2Former R50 on BiFPN: paper Table 4e, 51.8 PQ.

bash tools/dist_train.sh \
    configs/studies/mask2former/mask2former_r50-bifpn_8xb2-lsj-50e_coco-panoptic.py 8
"""

_base_ = "../../mask2former/mask2former_r50_8xb2-lsj-50e_coco-panoptic.py"

pyramid = dict(_delete_=True, type="BiFPNPixelDecoder")
model = dict(decode_head=dict(network=dict(pixel_decoder=pyramid)))
