"""Scenes of 75 thing and 75 stuff classes, for studies."""

_base_ = "scenes_20.py"

scene = dict(num_things=75, num_stuff=75)
num_classes = scene["num_things"] + scene["num_stuff"]
train_dataloader = dict(dataset=dict(scene=scene))
val_dataloader = dict(dataset=dict(scene=scene))
test_dataloader = val_dataloader
