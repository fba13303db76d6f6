"""50 training and 50 validation images of CamVid; the test is on its 233 test images.

Evenly spaced, as neighbouring frames of a video are alike.
"""

_base_ = "camvid_256x256.py"

train_dataloader = dict(dataset=dict(indices=[i * 367 // 50 for i in range(50)]))
val_dataloader = dict(dataset=dict(indices=[i * 101 // 50 for i in range(50)]))
test_dataloader = dict(
    dataset=dict(
        data_prefix=dict(img_path="images/test", seg_map_path="annotations/test")
    )
)
