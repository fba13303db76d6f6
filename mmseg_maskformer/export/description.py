"""What stands beside an exported file: how to make its input and read its outputs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mmengine.config import Config

from mmseg_maskformer.engine.results.described_images import described_images

from .network import ExportableNetwork


def describe(
    network: ExportableNetwork,
    config: Config,
    size: tuple[int, int] | None,
) -> dict[str, Any]:
    """The contents of ``model.json``.

    Args:
        network: that is exported.
        config: of its model; images are loaded and resized as those of its
            ``test_dataloader``, whose classes' names are written, or else those of the
            checkpoint.
        size: H and W of every image, or None where they are free.

    Raises:
        ValueError: The config has no test or an unknown data set, or its pipeline
            makes images in a way that the file cannot say.
    """
    model = network.model
    options = asdict(model.prediction_options())
    kinds = ("semantic", "panoptic", "instance")
    results = [kind for kind in kinds if options.get(f"{kind}_on", kind == "semantic")]
    images = described_images(config, size)
    classes = images["classes"] or model.dataset_meta["classes"]
    return dict(
        outputs=list(network.output_names),
        results=["semantic"] if network.labels else results,
        # before a sigmoid is taken, or after it: what is brought to the file's size
        resized="logits" if "panoptic_on" in options else "probabilities",
        size=size,
        orientation=images["orientation"],
        resize=images["resize"],
        divisor=network.divisor,
        classes=list(classes) or None,
        num_classes=model.decode_head.num_classes,
        num_things=getattr(model, "num_things_classes", 0),
        options=options,
    )
