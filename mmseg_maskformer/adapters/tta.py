"""Test-time augmentation: the mean of the score maps of an image's views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.model import BaseTTAModel
from mmengine.structures import BaseDataElement

from mmseg_maskformer.core.messages import image_name
from mmseg_maskformer.core.score_maps import MeanScores, ScoreMap

from .batches import size_by_size

View = tuple[BaseDataElement, ScoreMap]


class MaskFormerTTA(BaseTTAModel):
    """Averages the score maps of views of an image, scaled and mirrored.

    Scores are turned back, brought to the original size and averaged as they are: sums
    over queries of ``MaskFormerHead``, logits of per-pixel models. The host's
    ``SegTTAModel`` applies a softmax to them, which turns the mean of the paper's code
    into another one. No K x H x W tensor is made; the mask logits of all views are
    kept. Wraps ``MaskFormerSegmentor`` and ``MaskFormerDetector``, of which it makes
    the semantic map, and its uncertainty, only.

    Args:
        module: the model or its config.
        data_preprocessor: replaces that of a config, as in the host.

    Raises:
        ValueError: The model is another one.
    """

    def __init__(self, module: Any, data_preprocessor: Any = None) -> None:
        super().__init__(module, data_preprocessor)
        if not hasattr(self.module, "score_maps"):
            raise ValueError(
                "MaskFormerTTA wraps MaskFormerSegmentor or MaskFormerDetector, got "
                f"{type(self.module).__name__}; set tta_model.type='SegTTAModel' for "
                "other segmentors."
            )

    def test_step(self, data: dict[str, list]) -> list[BaseDataElement]:
        """Predict what ``TestTimeAug`` has made of a batch.

        Args:
            data: ``inputs`` and ``data_samples``, each a list over views of lists over
                images.

        Returns:
            The sample of each image's first view, with the result. It keeps what that
            view's pipeline loaded, the label map above all.
        """
        views = [
            size_by_size(self._scored, dict(inputs=inputs, data_samples=samples))
            for inputs, samples in zip(
                data["inputs"], data["data_samples"], strict=True
            )
        ]
        return self.merge_preds(list(zip(*views, strict=True)))

    def merge_preds(
        self, data_samples_list: Sequence[Sequence[View]]
    ) -> list[BaseDataElement]:
        """Put the result of each image's views into the sample of the first.

        Raises:
            ValueError: The views of an image differ in their original size.
        """
        options = self.module.prediction_options()
        for views in data_samples_list:
            sample = views[0][0]
            maps = [scores for _, scores in views]
            _check_sizes(sample, maps)
            self.module.add_result(sample, MeanScores(maps), options)
        return [views[0][0] for views in data_samples_list]

    def _scored(self, batch: dict[str, list]) -> list[View]:
        """The samples of one view of every image, and their score maps."""
        batch = self.module.data_preprocessor(batch, training=False)
        samples = batch["data_samples"]
        options = self.module.prediction_options()
        maps = self.module.score_maps(batch["inputs"], samples, options)
        return list(zip(samples, maps, strict=True))


def _check_sizes(sample: BaseDataElement, maps: Sequence[ScoreMap]) -> None:
    sizes = sorted({scores.size for scores in maps})
    if len(sizes) > 1:
        raise ValueError(
            f"The views of {image_name(sample.metainfo)} have "
            f"original sizes {sizes}. Load the image before TestTimeAug in "
            "tta_pipeline, and leave ori_shape to the loading."
        )
