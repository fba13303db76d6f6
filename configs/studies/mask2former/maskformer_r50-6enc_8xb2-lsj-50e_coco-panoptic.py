"""MaskFormer R50 + 6 Enc on COCO panoptic, trained as Mask2Former: Table XI, 48.2 PQ.

Only the network is MaskFormer's; the row is in Mask2Former's paper.

bash tools/dist_train.sh \
    configs/studies/mask2former/maskformer_r50-6enc_8xb2-lsj-50e_coco-panoptic.py 8
"""

_base_ = "mask2former_r50-fpn_8xb2-lsj-50e_coco-panoptic.py"

queries = dict(_delete_=True, type="TransformerDecoder", num_queries=100)
network = dict(
    pixel_decoder=dict(multi_scale_memory=False), transformer_decoder=queries
)
model = dict(decode_head=dict(network=network))
