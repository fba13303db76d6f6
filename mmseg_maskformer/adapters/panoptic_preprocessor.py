"""MMDetection's preprocessor for any number of channels."""

from __future__ import annotations

from mmdet.models import DetDataPreprocessor

from .images import AnyChannels


class DetPreprocessor(AnyChannels, DetDataPreprocessor):
    """The host's preprocessor, but mean and std are those of :class:`AnyChannels`."""
