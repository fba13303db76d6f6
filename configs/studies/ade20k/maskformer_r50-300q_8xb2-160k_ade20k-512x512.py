"""MaskFormer with 300 queries: paper section 4.4, 43.5 mIoU, 32.3 PQ-St.

bash tools/dist_train.sh \
    configs/studies/ade20k/maskformer_r50-300q_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = "../../maskformer/maskformer_r50_8xb2-160k_ade20k-512x512.py"

model = dict(decode_head=dict(network=dict(transformer_decoder=dict(num_queries=300))))
