"""MaskFormer Swin-B (IN-1K) on COCO panoptic: paper Table 3, 51.1 PQ.

The authors released neither configuration nor weights of this row.

NNODES=8 NODE_RANK=... MASTER_ADDR=... bash tools/dist_train.sh \
    configs/maskformer/maskformer_swin-b-in1k_64xb1-554k_coco-panoptic.py 8
"""

_base_ = "maskformer_swin-b-in22k_64xb1-554k_coco-panoptic.py"

weights = f"{_base_.pretrained}swin_base_patch4_window12_384_20220317-55b0104a.pth"
model = dict(backbone=dict(init_cfg=dict(checkpoint=weights)))
