"""MaskFormer with 150 queries: paper section 4.4, 44.2 mIoU, 33.4 PQ-St.

It is MaskFormer-bipartite in Table 4, whose models have a query for each class.

bash tools/dist_train.sh \
    configs/studies/ade20k/maskformer_r50-150q_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = "../../maskformer/maskformer_r50_8xb2-160k_ade20k-512x512.py"

model = dict(decode_head=dict(network=dict(transformer_decoder=dict(num_queries=150))))
