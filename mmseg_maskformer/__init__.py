"""Mask-classification segmentation (MaskFormer, Mask2Former) for OpenMMLab.

Importing the package imports no framework. It only makes sure that the hosts' models
can be imported where mmcv has no compiled operators, see
:mod:`mmseg_maskformer.compat`.
"""

from mmseg_maskformer.compat import install_missing_ops_finder

__version__ = "0.2.0"

install_missing_ops_finder()
