"""MaskFormer with one decoder layer: paper Table VIII, 43.0 mIoU, 31.1 PQ-St.

bash tools/dist_train.sh \
    configs/studies/ade20k/maskformer_r50-1dec_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = "../../maskformer/maskformer_r50_8xb2-160k_ade20k-512x512.py"

model = dict(decode_head=dict(network=dict(transformer_decoder=dict(num_layers=1))))
