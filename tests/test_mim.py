"""`mim` (openmim or onedl-mim) finds and downloads models of an installed wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from mmengine.config import Config

from tests.conftest import REPOSITORY

pytest.importorskip("mim.commands", reason="mim is not installed: pip install openmim")
PARTS = ("mmseg_maskformer", "configs", "tools")
NAME = "maskformer_r101c_8xb2-160k_ade20k-512x512"
HOST = "https://dl.fbaipublicfiles.com"
WEIGHTS = "maskformer_R101c_bs16_160k/model_final_b432ea.pkl"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server on loopback, and its folder."""
    folder = tmp_path_factory.mktemp("served")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}", folder
        found.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def site(server, tmp_path_factory):
    """A folder with the wheel installed, its links going to the server."""
    source, target = (tmp_path_factory.mktemp(x) for x in ("source", "site"))
    for part in PARTS:
        shutil.copytree(REPOSITORY / part, source / part)
    for path in filter(os.path.isfile, REPOSITORY.glob("[!.]*")):
        shutil.copy(path, source)
    metafile = source / "configs/maskformer/metafile.yml"
    metafile.write_text(metafile.read_text().replace(HOST, server[0]))
    python = partial(subprocess.run, cwd=source, check=True, capture_output=True)
    python([sys.executable, "setup.py", "-q", "bdist_wheel", "-d", "dist"])
    (wheel,) = (source / "dist").glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index"]
    python([*pip, "--target", str(target), str(wheel)])
    return target


@pytest.fixture
def mim(site, tmp_path):
    """`mim` as a function of its command line, run in an empty folder."""
    code = "import sys; from mim.cli import cli; sys.argv[0] = 'mim'; cli()"
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "NO_PROXY": "127.0.0.1"}

    def run(command, *arguments):
        words = [command, "mmsegmentation-maskformer", *arguments]
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout

    return run


def search(mim, folder, model):
    """What is found of a collection, and the names that its metafile lists."""
    mim("search", "--model", model, "--json", "found.json")
    found = json.loads((folder / "found.json").read_text())
    metafile = REPOSITORY / f"configs/{FOLDERS[model]}/metafile.yml"
    return found, {x["Name"] for x in yaml.safe_load(metafile.read_text())["Models"]}


FOLDERS = dict(maskformer="maskformer", perpixelbaseline="per_pixel_baseline")


def test_search_finds_every_released_baseline(mim, tmp_path):
    found, names = search(mim, tmp_path, "perpixelbaseline")
    assert set(found["weight"]) == names
    name = "per_pixel_baseline_plus_r50_8xb2-160k_ade20k-512x512"
    assert found["ade20k/miou"][name] == 41.9


def test_search_finds_every_released_model(mim, tmp_path):
    found, names = search(mim, tmp_path, "maskformer")
    assert set(found["weight"]) == names
    assert found["config"][NAME] == f"configs/maskformer/{NAME}.py"
    assert found["ade20k/miou"][NAME] == 46.0
    assert found["weight"][NAME].endswith(WEIGHTS)


def test_download_brings_weights_and_config(mim, server, tmp_path):
    served = server[1] / "maskformer/semantic-ade20k" / WEIGHTS
    served.parent.mkdir(parents=True)
    content = os.urandom(300_000)
    served.write_bytes(content)
    mim("download", "--config", NAME, "--dest", "models")
    assert (tmp_path / "models/model_final_b432ea.pkl").read_bytes() == content
    found = Config.fromfile(tmp_path / f"models/{NAME}.py")
    assert found.model.backbone.multi_grid == (1, 2, 4)
