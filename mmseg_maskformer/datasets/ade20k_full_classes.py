"""The labels of ADE20K-Full; needs no host, so that its preparation starts at once."""

from __future__ import annotations

from mmseg_maskformer.core.conventions import WIDE_VOID
from mmseg_maskformer.datasets.classes import read_class_table

IGNORED = WIDE_VOID
CLASSES = read_class_table("ade20k_847")  # train_id, ade_index, name
