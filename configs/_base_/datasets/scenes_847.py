"""Scenes of 424 thing and 423 stuff classes, for studies; 65535 is void.

There are as many scenes in evaluation as things: every class occurs.
"""

_base_ = "scenes_20.py"

scene = dict(num_things=424, num_stuff=423)
num_classes = scene["num_things"] + scene["num_stuff"]
train_dataloader = dict(dataset=dict(scene=scene))
val_dataloader = dict(dataset=dict(scene=scene, num_images=scene["num_things"]))
test_dataloader = val_dataloader
val_evaluator = [dict(x, ignore_index=65535) for x in _base_.val_evaluator]
test_evaluator = val_evaluator
