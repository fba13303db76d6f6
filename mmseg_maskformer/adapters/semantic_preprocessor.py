"""MMSegmentation's preprocessor for any number of channels."""

from __future__ import annotations

from mmseg.models import SegDataPreProcessor

from .images import AnyChannels


class SegPreprocessor(AnyChannels, SegDataPreProcessor):
    """The host's preprocessor, but mean and std are those of :class:`AnyChannels`."""
