"""MMSegmentation's visualizer for images of any number of channels."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmseg.visualization import SegLocalVisualizer

from .images import picture_of


class SemanticVisualizer(SegLocalVisualizer):
    """The host's visualizer, which is handed images of three channels and 8 bits."""

    def add_datasample(
        self, name: str, image: np.ndarray, *args: Any, **kwargs: Any
    ) -> None:
        """Draw a sample and show or store the picture, with the host's arguments.

        Args:
            name: of the picture.
            image: (H, W) or (H, W, C); see :func:`picture_of`.
            args: of the host.
            kwargs: of the host.
        """
        super().add_datasample(name, picture_of(image), *args, **kwargs)
