"""Results of every supervised layer from one forward pass."""

from __future__ import annotations

from typing import Any

from .analysis import QueryError
from .recall import ProposalRecall
from .settings import score_settings


def score_layers(runner: Any) -> list[dict]:
    """Test every layer of a runner's model.

    Returns:
        A row for each: ``layer`` as ``test_cfg.layer`` counts, the number of decoder
        layers that it has passed, the values of the runner's metrics, and AR@100 of
        models that see whole images.

    Raises:
        QueryError: The model has no queries.
    """
    head = runner.model.decode_head
    if head.network.per_pixel:
        raise QueryError("A per-pixel model has no queries whose masks were proposals.")
    things = getattr(runner.model, "num_things_classes", 0)
    recall = ProposalRecall(things, getattr(head, "ignore_index", 255))
    windows = (runner.model.test_cfg or {}).get("mode") == "slide"
    scores = score_settings(
        runner,
        dict(layer=0),
        lambda found: [dict(layer=x) for x in range(1, len(found.class_logits))],
        look=None if windows else recall.look,
    )
    first = len(head.network.transformer_decoder.layers) - len(scores) + 1
    rows: list[dict] = [
        {"layer": layer, "decoder_layers": first + layer, **values}
        for layer, (values,) in enumerate(scores)
    ]
    for row, average in zip(rows, recall.average(), strict=not windows):
        row["AR@100"] = round(average, 2)
    return rows
