"""Tests of mmseg_maskformer."""
