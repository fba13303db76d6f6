"""Results of several ``test_cfg`` from one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from mmengine.config import ConfigDict
from mmengine.evaluator import Evaluator
from torch import Tensor

from mmseg_maskformer.core.structures import Predictions, map_size

Look = Callable[[Predictions, list, tuple[int, int]], None]
Settings = Callable[[Predictions], list[dict]]
Check = Callable[[dict[str, float]], None]
# MMSegmentation's and MMDetection's
_CITYSCAPES = ("CityscapesMetric", "CityScapesMetric")


class _Tape:
    """A function whose results are kept, and given again after :meth:`rewind`."""

    def __init__(self, function: Callable) -> None:
        self.function = function
        self.kept: list[Any] = []
        self.place = 0

    def rewind(self) -> None:
        self.place = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.place == len(self.kept):
            self.kept.append(self.function(*args, **kwargs))
        self.place += 1
        return self.kept[self.place - 1]


class EverySetting:
    """Makes ``model.predict`` give the results of several settings.

    Each sample that it returns is that of the first setting and has in ``settings``
    those of all of them. Backbone and network run once for all.

    Args:
        model: a segmentor or detector of this package.
        first: what the first setting changes in ``test_cfg``.
        others: what further ones change, from the predictions of a batch.
        look: called for every batch with predictions of all layers, data samples, and
            height and width of the input; None where windows are predicted.
    """

    def __init__(
        self, model: Any, first: dict, others: Settings, look: Look | None = None
    ) -> None:
        self.model = model
        self.first = first
        self.others = others
        self.look = look
        self._given = model.predict
        model.predict = self.predict

    def predict(self, inputs: Tensor, data_samples: list) -> list:
        """Results of a batch (B, C, H, W)."""
        model, head, test_cfg = self.model, self.model.decode_head, self.model.test_cfg
        tapes = _Tape(model.extract_feat), _Tape(head.forward)
        model.extract_feat, head.forward = tapes
        results = [self._predict(inputs, data_samples, self.first)]
        predictions = tapes[1].kept[0]
        for changes in self.others(predictions):
            for tape in tapes:
                tape.rewind()
            model.test_cfg = test_cfg
            results.append(self._predict(inputs, data_samples, changes))
        model.extract_feat, head.forward = (tape.function for tape in tapes)
        model.test_cfg = test_cfg
        if self.look is not None:
            self.look(predictions, data_samples, map_size(inputs))
        first = results[0]
        for sample, *settings in zip(first, *results, strict=True):
            sample.settings = [settings[0].new(), *settings[1:]]
        return first

    def leave(self) -> None:
        """Let the model predict as before."""
        self.model.predict = self._given

    def _predict(self, inputs: Tensor, data_samples: list, changes: dict) -> list:
        # of the host's class, which its segmentors read by attributes
        self.model.test_cfg = ConfigDict(self.model.test_cfg or {}, **changes)
        return self._given(inputs, [sample.new() for sample in data_samples])


class SettingEvaluator(Evaluator):
    """Metrics of each setting of the samples of :class:`EverySetting`.

    One evaluator serves all: its metrics get the results of each in turn.

    Args:
        metrics: of the host.
        parts: into which images are dealt out one by one; each is scored alone.
        check: called with the values of the first image, before there are others.

    Attributes:
        scores: values of each setting and part, once evaluated.

    Raises:
        ValueError: A metric scores files, which are those of the last setting.
    """

    def __init__(
        self, metrics: Sequence[Any], parts: int = 1, check: Check | None = None
    ) -> None:
        super().__init__(metrics)
        for metric in self.metrics:
            _require_no_files(metric)
        self.parts = parts
        self.check = check
        self.scores: list[list[dict[str, float]]] = []
        self._images = 0
        self._results: list[list[list[list]]] = []  # by setting, part and metric

    def process(self, data_samples: Sequence[Any], data_batch: Any = None) -> None:
        """Take the results of a batch."""
        for sample in data_samples:
            part = self._images % self.parts
            self._images += 1
            while len(self._results) < len(sample.settings):
                empty: list = [[[] for _ in self.metrics] for _ in range(self.parts)]
                self._results.append(empty)
            for setting, result in enumerate(sample.settings):
                self._choose(setting, part)
                super().process([result], data_batch)
            if self._images == 1 and self.check is not None:
                kept = deepcopy(self._results[0][0])
                self._choose(0, 0)
                self.check(super().evaluate(1))
                self._results[0][0] = kept

    def evaluate(self, size: int) -> dict[str, float]:
        """Score all settings and parts; what is returned, for the log, is the first."""
        self.scores = []
        for setting in range(len(self._results)):
            self.scores.append([])
            for part in range(self.parts):
                self._choose(setting, part)
                count = len(range(part, self._images, self.parts))
                self.scores[setting].append(super().evaluate(count))
        return self.scores[0][0]

    def _choose(self, setting: int, part: int) -> None:
        results = self._results[setting][part]
        for metric, own in zip(self.metrics, results, strict=True):
            metric.results = own


def _require_no_files(metric: Any) -> None:
    names = {x.__name__ for x in type(metric).__mro__}
    if names.intersection(_CITYSCAPES):
        remedy = "leave it out of the evaluator"
    elif "CocoPanopticMetric" in names and metric.tmp_dir is None:
        remedy = "leave out its outfile_prefix"
    else:
        return
    raise ValueError(
        f"{type(metric).__name__} writes results into files and scores these, and each "
        f"setting writes over the one before: {remedy}."
    )


def alone(task: str) -> dict[str, bool]:
    """What ``test_cfg`` says where results of one task alone are made.

    Args:
        task: "panoptic", "instance" or "semantic".
    """
    kinds = ("panoptic", "instance", "semantic")
    return dict(uncertainty=False, **{f"{kind}_on": kind == task for kind in kinds})


def score_settings(
    runner: Any,
    first: dict,
    others: Settings,
    look: Look | None = None,
    parts: int = 1,
    check: Check | None = None,
) -> list[list[dict[str, float]]]:
    """Test a runner's model with several settings; arguments as of both classes above.

    Returns:
        The values of the runner's metrics for every setting and part of the images.
    """
    given = runner.test_evaluator
    every = EverySetting(runner.model, first, others, look)
    evaluator = SettingEvaluator(given.metrics, parts, check)
    evaluator.dataset_meta = given.dataset_meta
    runner.test_loop.evaluator = evaluator
    runner.test()
    runner.test_loop.evaluator = given
    every.leave()
    return evaluator.scores
