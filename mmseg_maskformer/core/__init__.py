"""Mask classification in plain torch: nothing here knows a host framework.

Letters used for shapes in every file: B images, L supervised layers, Q queries,
K classes, C channels, G segments of an image, h x w the grid of the masks,
H x W the input, P = h * w.
"""
