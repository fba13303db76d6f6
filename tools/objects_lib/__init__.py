"""Panoptic and instance annotations from id maps or COCO's instances."""
