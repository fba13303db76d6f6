"""Prepare ADE20K-Full: ``python tools/dataset_converters/ade20k_full.py ROOT``.

ROOT is the folder ADE20K_2021_17_01 of the release; images and label maps are written
into it. What is finished is skipped when the command is repeated.
"""

from __future__ import annotations

from mmseg_maskformer.datasets.ade20k_full_preparation import prepare_ade20k_full
from mmseg_maskformer.datasets.preparation import run_tool

if __name__ == "__main__":
    run_tool(
        prepare_ade20k_full,
        description="Prepare ADE20K-Full, 847 classes",
        root="the folder ADE20K_2021_17_01, which holds images",
    )
