"""MaskFormer R50 on ADE20K, trained as Mask2Former: Table XI, 45.3 mIoU.

Only the network is MaskFormer's; the row is in Mask2Former's paper.

bash tools/dist_train.sh \
    configs/studies/mask2former/maskformer_r50-points_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = "../../mask2former/mask2former_r50_8xb2-160k_ade20k-512x512.py"

network = dict(
    _delete_=True,
    type="MaskFormer",
    pixel_decoder=dict(type="FPNPixelDecoder"),
    transformer_decoder=dict(type="TransformerDecoder", num_queries=100),
)
model = dict(decode_head=dict(network=network))
