"""Schemes and downloads, against a server on loopback."""

from __future__ import annotations

import hashlib
import pickle
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from mmengine.runner import CheckpointLoader

import mmseg_maskformer.adapters.semantic  # noqa: F401  (registers the schemes)
from mmseg_maskformer.checkpoints import zoo
from mmseg_maskformer.checkpoints.download import download

CONTENT = pickle.dumps(dict(model={"sem_seg_head.a": np.arange(50_000.0)}))


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT; breaks off once if the server says so; keeps what was asked."""

    def do_GET(self):
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.server.asked.append((self.path, start))
        rest = CONTENT[start:]
        self.send_response(206 if start else 200)
        if start:
            end = len(CONTENT) - 1
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if self.server.breaks_off:
            rest, self.server.breaks_off = rest[:1000], False
        self.wfile.write(rest)

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.asked, found.breaks_off = [], False
        found.url = f"http://127.0.0.1:{found.server_port}"
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return tmp_path / "checkpoints"


def test_a_released_model_by_its_zoo_name(server, cache, monkeypatch):
    monkeypatch.setattr(zoo, "BASE_URL", f"{server.url}/maskformer")
    name = "maskformer://ade20k-150/swin/maskformer_swin_tiny_bs16_160k"
    for _ in range(2):
        found = CheckpointLoader.load_checkpoint(name)["state_dict"]
        assert found["sem_seg_head.a"].tolist() == list(range(50_000))
    folder = "/maskformer/semantic-ade20k/maskformer_swin_tiny_bs16_160k"
    assert server.asked == [(f"{folder}/model_final_8657a5.pkl", 0)]  # once
    assert [path.name for path in cache.iterdir()] == ["model_final_8657a5.pkl"]


def test_an_unknown_zoo_name_lists_the_nearest(cache):
    name = "maskformer://ade20k-150/maskformer_R50_bs16_160"
    with pytest.raises(KeyError, match="Near it: ade20k-150/maskformer_R50_bs16_160k,"):
        CheckpointLoader.load_checkpoint(name)


def test_every_zoo_name_has_an_address():
    urls = {zoo.zoo_url(name) for name in zoo.zoo_names()}
    assert len(urls) == len(zoo.zoo_names()) == 30
    assert all(url.endswith(".pkl") for url in urls)


def test_a_broken_download_is_continued_where_it_stopped(server, cache):
    server.breaks_off = True
    url = f"{server.url}/model_final_1.pkl"
    with pytest.raises(OSError, match=rf"1000 of {len(CONTENT)} bytes.*Run the same"):
        CheckpointLoader.load_checkpoint(url)
    assert not (cache / "model_final_1.pkl").exists()
    assert (cache / "model_final_1.pkl.partial").stat().st_size == 1000
    found = CheckpointLoader.load_checkpoint(url)["state_dict"]["sem_seg_head.a"]
    assert found.tolist() == list(range(50_000))
    assert [start for _, start in server.asked] == [0, 1000]
    assert [path.name for path in cache.iterdir()] == ["model_final_1.pkl"]


def test_a_wrong_hash_is_refused_and_nothing_stays(server, cache):
    right = hashlib.sha256(CONTENT).hexdigest()[:8]
    wrong = f"{server.url}/model-{'0' * 8}.pkl"
    with pytest.raises(ValueError, match=rf"SHA-256 {right}.*name says 00000000"):
        CheckpointLoader.load_checkpoint(wrong)
    assert list(cache.iterdir()) == []
    assert download(f"{server.url}/model-{right}.pkl", cache).exists()


def test_a_server_that_is_not_there_is_a_sentence(cache):
    with pytest.raises(OSError, match="could not be downloaded.*refused"):
        CheckpointLoader.load_checkpoint("http://127.0.0.1:9/model_final_1.pkl")


def test_a_repository_of_the_hub(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    from huggingface_hub.errors import EntryNotFoundError
    from safetensors.torch import save_file

    save_file({"a": torch.arange(3.0)}, tmp_path / "model.safetensors")
    asked = []

    def fetch(repository, name):
        asked.append((repository, name))
        if name != "model.safetensors" or repository.endswith("old"):
            raise EntryNotFoundError(name)
        return str(tmp_path / name)

    monkeypatch.setattr(hub, "hf_hub_download", fetch)
    found = CheckpointLoader.load_checkpoint("hf://facebook/maskformer-swin-tiny-ade")
    assert found["state_dict"]["a"].tolist() == [0, 1, 2]
    assert asked == [("facebook/maskformer-swin-tiny-ade", "model.safetensors")]
    with pytest.raises(FileNotFoundError, match=r"some/old has none of model\.safe"):
        CheckpointLoader.load_checkpoint("hf://some/old")
