"""Predictions as files: label maps, COCO's panoptic and result formats."""
