"""Training and evaluation on a device that is not the CPU, where there is none."""

from __future__ import annotations

import json

import pytest
from torch.utils import backend_registration

from tests.scripts import run_tool

SEMANTIC = "demo/maskformer_tiny_scenes.py"
PANOPTIC = "mask2former/mask2former_tiny_scenes-panoptic.py"


@pytest.mark.slow
@pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch cannot have a device that is written in Python",
)
@pytest.mark.parametrize(
    ("config", "waits"),
    [
        # classes that occur, and costs
        (SEMANTIC, dict(_to_copy=2)),
        # labels and costs, and crowds of each of two images
        pytest.param(PANOPTIC, dict(_to_copy=2, nonzero=2), marks=pytest.mark.mmdet),
    ],
)
def test_another_device_has_the_numbers_of_the_cpu_and_waits_little(config, waits):
    printed = run_tool("-m", "tests.helpers.pretended_training", config).stdout
    on_cpu, elsewhere = json.loads(printed.splitlines()[-1])
    assert (on_cpu["device"], elsewhere["device"]) == ("cpu", "pretended")
    # what is streamed comes in other chunks, whose sums are rounded otherwise
    assert elsewhere["values"] == pytest.approx(on_cpu["values"], rel=1e-4)
    assert {"train/loss", "val/mIoU"} <= set(on_cpu["values"])
    # a value is asked for once: the norm of the gradient, by mmengine
    assert elsewhere["waits"] == waits | {"_local_scalar_dense": 1}
