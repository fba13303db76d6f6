"""The hosts' index of an annotation file, filled with one that is checked already."""

from __future__ import annotations

from typing import Any


def fill_index(index: Any, content: dict) -> Any:
    """Give an index of pycocotools, in the form that MMDetection wraps, a content.

    The wrapper's own names for the tables of objects by image and of images by category
    do not follow when the index is made anew.
    """
    index.dataset = content
    index.createIndex()
    index.img_ann_map, index.cat_img_map = index.imgToAnns, index.catToImgs
    return index
