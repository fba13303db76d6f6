"""Results of every supervised layer from one forward pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from mmengine.evaluator import Evaluator
from torch import Tensor

from mmseg_maskformer.core.structures import map_size

from .analysis import QueryError
from .recall import ProposalRecall


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


class EveryLayer:
    """Makes ``model.predict`` give the results of every supervised layer.

    Each sample that it returns is that of layer 0 and has in ``layers`` those of all
    layers, as ``test_cfg.layer`` would give them one by one. Backbone and network run
    once for all of them.

    Args:
        model: a segmentor or detector of this package.
        look: called for every batch with predictions of all layers, data samples, and
            height and width of the input; None where windows are predicted.
    """

    def __init__(
        self,
        model: Any,
        look: Callable[[Any, list, tuple[int, int]], None] | None = None,
    ) -> None:
        self.model = model
        self.look = look
        self.num_layers = 0  # known after the first batch
        self._given = model.predict
        model.predict = self.predict

    def predict(self, inputs: Tensor, data_samples: list) -> list:
        """Results of a batch (B, C, H, W)."""
        model, head, test_cfg = self.model, self.model.decode_head, self.model.test_cfg
        tapes = _Tape(model.extract_feat), _Tape(head.forward)
        model.extract_feat, head.forward = tapes
        results = [self._predict(inputs, data_samples, 0)]
        predictions = tapes[1].kept[0]
        self.num_layers = len(predictions[0])
        for layer in range(1, self.num_layers):
            for tape in tapes:
                tape.rewind()
            results.append(self._predict(inputs, data_samples, layer))
        model.extract_feat, head.forward = (tape.function for tape in tapes)
        model.test_cfg = test_cfg
        if self.look is not None:
            self.look(predictions, data_samples, map_size(inputs))
        first = results[0]
        for sample, *layers in zip(first, *results, strict=True):
            sample.layers = [layers[0].new(), *layers[1:]]
        return first

    def leave(self) -> None:
        """Let the model predict as before."""
        self.model.predict = self._given

    def _predict(self, inputs: Tensor, data_samples: list, layer: int) -> list:
        self.model.test_cfg = dict(self.model.test_cfg or {}, layer=layer)
        return self._given(inputs, [sample.new() for sample in data_samples])


class LayerEvaluator(Evaluator):
    """Metrics of each layer of the samples of :class:`EveryLayer`.

    One evaluator serves all layers: its metrics get the results of each in turn.
    """

    def __init__(self, metrics: Sequence[Any]) -> None:
        super().__init__(metrics)
        self._results: dict[int, list] = defaultdict(lambda: [[] for _ in metrics])

    def process(self, data_samples: Sequence[Any], data_batch: Any = None) -> None:
        """Take the results of a batch."""
        for layer in range(len(data_samples[0].layers)):
            self._choose(layer)
            super().process([x.layers[layer] for x in data_samples], data_batch)

    def evaluate(self, size: int) -> dict[str, float]:
        """Values of all layers, ``layer0/PQ`` and so on."""
        found = {}
        for layer in list(self._results):
            self._choose(layer)
            values = super().evaluate(size)
            found.update({f"layer{layer}/{key}": x for key, x in values.items()})
        return found

    def _choose(self, layer: int) -> None:
        for metric, results in zip(self.metrics, self._results[layer], strict=True):
            metric.results = results


def score_layers(runner: Any) -> list[dict]:
    """Test every layer of a runner's model.

    Returns:
        A row for each: ``layer`` as ``test_cfg.layer`` counts, the number of decoder
        layers that it has passed, the values of the runner's metrics, and AR@100 of
        models that see whole images.

    Raises:
        QueryError: The model has no queries.
    """
    head, given = runner.model.decode_head, runner.test_evaluator
    if head.network.per_pixel:
        raise QueryError("A per-pixel model has no queries whose masks were proposals.")
    things = getattr(runner.model, "num_things_classes", 0)
    recall = ProposalRecall(things, getattr(head, "ignore_index", 255))
    windows = (runner.model.test_cfg or {}).get("mode") == "slide"
    every_layer = EveryLayer(runner.model, None if windows else recall.look)
    runner.test_loop.evaluator = LayerEvaluator(given.metrics)
    runner.test_loop.evaluator.dataset_meta = given.dataset_meta
    found = runner.test()
    runner.test_loop.evaluator = given
    every_layer.leave()
    number = every_layer.num_layers
    first = len(head.network.transformer_decoder.layers) - number + 1
    rows: list[dict] = [
        {"layer": layer, "decoder_layers": first + layer} for layer in range(number)
    ]
    for name, value in found.items():
        layer, _, key = name.partition("/")
        rows[int(layer.removeprefix("layer"))][key] = value
    for row, average in zip(rows, recall.average(), strict=not windows):
        row["AR@100"] = round(average, 2)
    return rows
