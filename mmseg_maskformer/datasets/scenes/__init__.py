"""Rendered scenes: images with known segments, as a data set of either host."""
