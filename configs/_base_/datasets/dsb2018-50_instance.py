"""50 training and 50 validation images of nuclei; the test is on the 105 of val.

Both are of the 433 training images: evenly spaced, one between two of the others.
"""

_base_ = "dsb2018_instance.py"

train_dataloader = dict(dataset=dict(indices=[i * 433 // 50 for i in range(50)]))
val_dataloader = dict(
    dataset=dict(
        ann_file="instances_train.json",
        data_prefix=dict(img="images/train"),
        indices=[(2 * i + 1) * 433 // 100 for i in range(50)],
    )
)
val_evaluator = [
    dict(_base_.mask_ap, ann_file=f"{_base_.data_root}/instances_train.json")
]
