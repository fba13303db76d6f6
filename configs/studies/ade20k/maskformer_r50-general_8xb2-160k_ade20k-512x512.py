"""General inference, queries surer than 0.3: paper Table VII, 42.4 mIoU, 34.2 PQ-St.

The rule is one of inference: weights are those of the base, and train as there.

bash tools/dist_train.sh \
    configs/studies/ade20k/maskformer_r50-general_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = "../../maskformer/maskformer_r50_8xb2-160k_ade20k-512x512.py"

model = dict(test_cfg=dict(semantic_rule="general", object_mask_thr=0.3))
