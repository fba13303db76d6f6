"""No self-attention among the queries: paper Table VIII, 44.6 mIoU, 32.8 PQ-St.

bash tools/dist_train.sh \
    configs/studies/ade20k/maskformer_r50-noself_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = "../../maskformer/maskformer_r50_8xb2-160k_ade20k-512x512.py"

model = dict(
    decode_head=dict(network=dict(transformer_decoder=dict(self_attention=False)))
)
