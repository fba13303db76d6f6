"""Prepare COCO-Stuff 10K: ``python tools/dataset_converters/coco_stuff10k.py ROOT``.

ROOT is the folder coco_stuff_10k of version 1.0; images and label maps are written into
it. What is finished is skipped when the command is repeated.
"""

from __future__ import annotations

from mmseg_maskformer.datasets.coco_stuff10k_preparation import prepare_coco_stuff10k
from mmseg_maskformer.datasets.preparation import run_tool

if __name__ == "__main__":
    run_tool(
        prepare_coco_stuff10k,
        description="Prepare COCO-Stuff 10K, 171 classes",
        root="the folder that holds images, annotations and imageLists of version 1.0",
    )
