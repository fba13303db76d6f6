"""The hook that the hosts' own tools/test.py --show-dir looks for."""

from __future__ import annotations

import importlib
import runpy
from argparse import Namespace
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import HOOKS, DefaultScope
from mmengine.visualization import Visualizer

from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    ("host", "name", "folder"),
    [
        ("mmseg", "maskformer_tiny_scenes", None),
        pytest.param(
            *("mmdet", "maskformer_tiny_scenes-panoptic", "there"),
            marks=pytest.mark.mmdet,
        ),
    ],
)
def test_tools_of_the_hosts_paint_with_our_configs(host, name, folder):
    installed = Path(pytest.importorskip(host).__file__).parent
    importlib.import_module(f"{host}.engine")
    Visualizer.get_instance("of the runner")
    config = Config.fromfile(REPOSITORY / f"configs/demo/{name}.py")
    settings = config.default_hooks.visualization
    with DefaultScope.overwrite_default_scope(host):
        asleep = HOOKS.build(settings)
        asleep.after_test_iter(None, 0, None, [])
        tool = runpy.run_path(str(installed / ".mim/tools/test.py"))
        args = Namespace(show=False, show_dir="there", wait_time=3)
        tool["trigger_visualization_hook"](config, args)
        painter = HOOKS.build(settings)
    assert (asleep.draw, painter.draw) == (False, True)
    assert painter.test_out_dir == folder


def test_another_scope_is_a_sentence():
    with (
        DefaultScope.overwrite_default_scope("mmpose"),
        pytest.raises(ValueError, match=r"'mmseg' or 'mmdet' .*, which has 'mmpose'"),
    ):
        HOOKS.build(dict(type="mmseg_maskformer.VisualizationHook", draw=True))
