"""Panoptic MaskFormer with one decoder layer: paper Table VIII, 31.9 PQ.

bash tools/dist_train.sh \
configs/studies/ade20k/maskformer_r50-6enc-1dec_8xb2-720k_ade20k-panoptic-640x640.py 8
"""

_base_ = "../../maskformer/maskformer_r50-6enc_8xb2-720k_ade20k-panoptic-640x640.py"

model = dict(decode_head=dict(network=dict(transformer_decoder=dict(num_layers=1))))
