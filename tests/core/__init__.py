"""Tests of mmseg_maskformer.core."""
