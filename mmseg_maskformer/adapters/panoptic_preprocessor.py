"""MMDetection's preprocessor for any number of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdet.models import DetDataPreprocessor

from .images import set_normalisation


class DetPreprocessor(DetDataPreprocessor):
    """The host's preprocessor, whose mean and deviation may have any length.

    Args:
        mean: one value for all channels or one for each, in the order of the file.
        std: likewise.
        kwargs: of the host's ``DetDataPreprocessor``.
    """

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        set_normalisation(self, mean, std)
