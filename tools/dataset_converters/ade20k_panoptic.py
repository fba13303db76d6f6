"""Prepare ADE20K panoptic: ``python tools/dataset_converters/ade20k_panoptic.py ROOT``.

ROOT is the folder ADEChallengeData2016 of the release, with annotations_instance beside
annotations; panoptic maps and annotation files are written into it. What is finished is
skipped when the command is repeated.
"""

from __future__ import annotations

from mmseg_maskformer.datasets.ade20k_panoptic_preparation import (
    prepare_ade20k_panoptic,
)
from mmseg_maskformer.datasets.preparation import run_tool

if __name__ == "__main__":
    run_tool(
        prepare_ade20k_panoptic,
        description="Prepare ADE20K panoptic, 100 things and 50 stuff",
        root="the folder ADEChallengeData2016, which holds annotations_instance",
    )
