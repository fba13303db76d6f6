"""The loss of docs/architecture.md is the dice loss, and its tables are right."""

from __future__ import annotations

import inspect
import re

import pytest
import torch
from mmengine.config import Config

from mmseg_maskformer.adapters.build import build_part
from mmseg_maskformer.core.argument_checks import KNOWN
from mmseg_maskformer.core.box_losses import BoxLoss
from mmseg_maskformer.core.classification import ClassificationLoss
from mmseg_maskformer.core.losses import DiceLoss, MaskLoss
from mmseg_maskformer.core.mask_comparison import MaskComparison
from mmseg_maskformer.core.match_costs import DiceCost
from mmseg_maskformer.core.protocols import Assigner, Criterion
from mmseg_maskformer.core.signed_logits import SignedLogits
from mmseg_maskformer.registry import MODELS, TASK_UTILS
from tests import cases
from tests.checks import assert_gradients_equal, assert_losses_equal, run
from tests.conftest import REPOSITORY
from tests.helpers.pages import python_blocks

CAMVID = REPOSITORY / "configs/maskformer/maskformer_r18_1xb4-4k_camvid-256x256.py"


@pytest.fixture(scope="module")
def config():
    """The config of the page; its loss is registered."""
    code, config = python_blocks("docs/architecture.md", "A loss of your own")
    exec(code, {"__name__": "my_losses"})
    return config


def test_a_criterion_with_the_loss_of_the_page_is_that_of_dice(config):
    case = cases.random_case([4, 0, 3])
    own = build_part(
        dict(type="SetCriterion", loss_dice=dict(type="mmengine.TverskyLoss"))
    )
    found = run(own, case)
    wanted = run(build_part(dict(type="SetCriterion")), case)
    assert_losses_equal(found[0], wanted[0])
    assert_gradients_equal(found[1], wanted[1])


def test_soft_targets_and_pixels_that_do_not_count_are_those_of_dice(config):
    generator = torch.Generator().manual_seed(0)
    logits, target, counts = (
        torch.rand(*size, generator=generator, dtype=torch.float64)
        for size in ((2, 3, 4, 5), (2, 1, 4, 5), (4, 5))
    )
    signed = SignedLogits(4 * logits - 2, target, counts, soft=True)
    own = MODELS.build(dict(type="mmengine.TverskyLoss"))
    found, wanted = (x.value_and_grad(signed) for x in (own, DiceLoss()))
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-15)

    flat, counts = logits[0].flatten(1), counts.flatten()
    pairs = (flat, flat.sigmoid(), target.flatten(1) * counts, counts)
    torch.testing.assert_close(
        own.match_cost().pairwise(*pairs), DiceCost().pairwise(*pairs)
    )


def test_the_config_of_the_page_puts_the_loss_into_its_place(config, tmp_path):
    """Three of four pixels on, all at 0.5: overlap 1.5, 0.5 beside, 1.5 missed."""
    path = tmp_path / "mine.py"
    config = config.replace("my_losses", "torch").replace("my_config.py", str(CAMVID))
    path.write_text(config)
    criterion = build_part(Config.fromfile(path).model.decode_head.criterion)
    mask = torch.tensor([[[1.0, 1.0], [1.0, 0.0]]])
    # 1 - (1.5 + 0.5) / (1.5 + 0.3 * 0.5 + 0.7 * 1.5 + 0.5)
    value = float(criterion.loss_dice(torch.zeros(1, 2, 2), mask))
    assert value == pytest.approx(1 - 2 / 3.2)


def find(name):
    """A part of this package."""
    return MODELS.get(name) or TASK_UTILS.get(name)


def test_the_table_of_the_page_has_the_defaults_of_the_code():
    text = (REPOSITORY / "docs/architecture.md").read_text()
    table = re.search(r"^\| place \| losses.*?\n\n", text, re.S | re.M)[0]
    parts = re.findall(r"`(\w+(?:Loss|Cost))\((.*?)\)`", table)
    assert len(parts) == 12  # six losses and their costs
    for name, arguments in parts:
        defaults = inspect.signature(find(name)).parameters.values()
        assert arguments == ", ".join(f"{x.name}={x.default}" for x in defaults)


@pytest.mark.parametrize(
    "kind",
    [Assigner, BoxLoss, ClassificationLoss, Criterion, MaskComparison, MaskLoss],
)
def test_parts_that_errors_name_are_of_their_kind(kind):
    assert all(issubclass(find(x), kind) for x in KNOWN[kind.__name__].split(", "))
