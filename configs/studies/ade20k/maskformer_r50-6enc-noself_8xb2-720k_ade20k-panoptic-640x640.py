"""Panoptic MaskFormer, queries without self-attention: paper Table VIII, 32.6 PQ.

bash tools/dist_train.sh \
configs/studies/ade20k/maskformer_r50-6enc-noself_8xb2-720k_ade20k-panoptic-640x640.py 8
"""

_base_ = "../../maskformer/maskformer_r50-6enc_8xb2-720k_ade20k-panoptic-640x640.py"

model = dict(
    decode_head=dict(network=dict(transformer_decoder=dict(self_attention=False)))
)
