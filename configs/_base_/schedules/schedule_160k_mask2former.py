"""160,000 iterations of batch 16: the recipe of Mask2Former, with every backbone.

As schedule_160k.py with weight decay 0.05, in float16 with a dynamic loss scale. The
backbone has a tenth of the learning rate, Swin transformers too; no warm-up.
"""

_base_ = "schedule_160k.py"

optim_wrapper = dict(
    type="AmpOptimWrapper",
    dtype="float16",
    loss_scale="dynamic",
    optimizer=dict(weight_decay=0.05),
)
