"""Tests of mmseg_maskformer.metrics."""
