"""Annotation files of COCO, read and checked."""
