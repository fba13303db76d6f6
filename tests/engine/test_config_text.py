"""Settings in a text are read, and nothing in it is run."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from mmseg_maskformer.engine.config_text import plain_settings
from tests.conftest import REPOSITORY

LEAVES = sorted((REPOSITORY / "configs/few_images").glob("*.py"))


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.stem)
def test_what_mmengine_writes_is_read_as_it_reads_it(leaf):
    text = Config.fromfile(leaf).pretty_text
    assert plain_settings(text) == Config.fromstring(text, ".py").to_dict()


@pytest.mark.parametrize(
    "text",
    [
        "x = open('x', 'w')",
        "x = dict(y=open('x', 'w'))",
        "x = dict({'y': 1})",
        "x = dict(**y)",
        "x = [y for y in (1, 2)]",
        "x = {[1]: 2}",
        "import os",
    ],
)
def test_all_else_is_left_out(text):
    assert plain_settings(f"a = -1.5\n{text}\nb = [dict(c={{'d.e': None}})]") == dict(
        a=-1.5, b=[dict(c={"d.e": None})]
    )


@pytest.mark.parametrize("text", ["x = (", "\0", "x = " + "[" * 100_000])
def test_a_text_that_is_no_config_has_none(text):
    assert plain_settings(text) == {}
