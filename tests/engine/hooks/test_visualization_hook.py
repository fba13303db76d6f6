"""The hook that the hosts' own tools/test.py --show-dir looks for."""

from __future__ import annotations

import importlib
import runpy
from argparse import Namespace
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.registry import HOOKS, DefaultScope
from mmengine.visualization import Visualizer
from PIL import Image

from mmseg_maskformer.engine.hooks import visualization_hook as module
from mmseg_maskformer.engine.hooks.visualization_hook import VisualizationHook
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


def test_several_processes_of_which_one_paints_are_a_warning(monkeypatch):
    said = []
    monkeypatch.setattr(module, "print_log", lambda text, **_: said.append(text))
    with DefaultScope.overwrite_default_scope("mmseg"):
        hook = VisualizationHook(draw=True)
    hook.before_test(Namespace(world_size=1))
    hook.before_test(Namespace(world_size=8))
    (text,) = said
    assert text.startswith("The first of 8 processes paints its own images, the others")
    monkeypatch.setattr(module, "is_main_process", lambda: False)
    hook.after_test_iter(
        Namespace(test_dataloader=Namespace(dataset=None)), 0, None, [0]
    )


def test_some_images_of_a_validation_are_painted(tmp_path, monkeypatch):
    """Of images 0 to 6 in batches of 2 every third: 0, 3 and 6."""
    painted = []
    runner = Namespace(
        iter=40,
        val_dataloader=Namespace(dataset=None, batch_size=2),
        visualizer=Namespace(
            add_datasample=lambda name, picture, step, **_: painted.append(
                (name, picture[0, 0].tolist(), step)
            )
        ),
    )
    samples = [Namespace(img_path=str(tmp_path / f"{k}.png")) for k in range(7)]
    for k, sample in enumerate(samples):
        Image.new("RGB", (4, 3), (k, 0, 9)).save(sample.img_path)
    with DefaultScope.overwrite_default_scope("mmseg"):
        hook = VisualizationHook(draw=True, interval=3)
        asleep = VisualizationHook(interval=1)
    for batch in range(4):
        found = samples[2 * batch : 2 * batch + 2]
        hook.after_val_iter(runner, batch, None, found)
        asleep.after_val_iter(runner, batch, None, found)
    assert painted == [(f"val_{k}.png", [k, 0, 9], 40) for k in (0, 3, 6)]
    with pytest.raises(ValueError, match=r"^VisualizationHook\.interval must be pos"):
        VisualizationHook(interval=0)


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("mmseg", ["test_a_0.png", "test_b_0.png"]),
        ("mmdet", ["test_img_a", "test_img_b"]),
    ],
)
def test_pictures_of_equal_names_in_two_folders_have_their_folder(
    tmp_path, host, names
):
    """As of frames of several videos."""
    paths = [str(tmp_path / f"images/{folder}/0.png") for folder in "ab"]
    for path in paths:
        Path(path).parent.mkdir(parents=True)
        Image.new("RGB", (4, 3)).save(path)
    dataset = BaseDataset(
        data_root=str(tmp_path), data_prefix=dict(img_path="images"), lazy_init=True
    )
    dataset.load_data_list = lambda: [dict(img_path=path) for path in paths]
    painted = []
    runner = Namespace(
        test_dataloader=Namespace(dataset=dataset),
        visualizer=Namespace(
            add_datasample=lambda name, _, out_file, **rest: painted.append(
                (name, out_file)
            )
        ),
    )
    with DefaultScope.overwrite_default_scope(host):
        hook = VisualizationHook(draw=True, test_out_dir="out")
    hook.after_test_iter(runner, 0, None, [Namespace(img_path=x) for x in paths])
    files = [str(Path("out", folder, "0.png")) for folder in "ab"]
    assert painted == list(zip(names, files, strict=True))


def test_images_of_joined_sets_are_read_as_each_of_them_reads_them(tmp_path):
    """One stored lying and turned by EXIF, in two sets, the second as stored."""
    leaves = []
    for folder, kind in dict(a="color", b="color_ignore_orientation").items():
        path = tmp_path / folder / "0.jpg"
        path.parent.mkdir()
        exif = Image.Exif()
        exif[0x0112] = 6  # a quarter
        Image.new("RGB", (4, 3)).save(path, exif=exif)
        load = dict(type="mmseg_maskformer.LoadImage", color_type=kind)
        leaf = BaseDataset(pipeline=[load], lazy_init=True)
        leaf.load_data_list = lambda path=str(path): [dict(img_path=path)]
        leaves.append(leaf)
    sizes = []
    runner = Namespace(
        test_dataloader=Namespace(dataset=ConcatDataset(leaves, lazy_init=True)),
        visualizer=Namespace(
            add_datasample=lambda name, picture, **_: sizes.append(picture.shape[:2])
        ),
    )
    with DefaultScope.overwrite_default_scope("mmseg"):
        hook = VisualizationHook(draw=True)
    paths = [str(tmp_path / folder / "0.jpg") for folder in "ba"]
    hook.after_test_iter(runner, 0, None, [Namespace(img_path=x) for x in paths])
    assert sizes == [(3, 4), (4, 3)]
