"""Downloads that break off, are wrong or impossible, from a server on loopback."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pytest
from mmengine.runner import CheckpointLoader

from mmseg_maskformer.adapters.host import prepare_host
from tests.checkpoints.conftest import CONTENT

prepare_host()
load = CheckpointLoader.load_checkpoint
NAME = "model_final_8657a5.pkl"  # a released one


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_breaks_off_is_set_aside(server, cache):
    server.breaks_off = True
    url = f"{server.url}/{NAME}"
    message = rf"{NAME} cannot be read.*download it again.*{NAME}\.damaged now"
    with pytest.raises(ValueError, match=message):
        load(url)
    assert names(cache) == [f"{NAME}.damaged"]
    found = load(url)["state_dict"]["sem_seg_head.a"]
    assert found.tolist() == list(range(50_000))
    assert server.asked == [f"/{NAME}", f"/{NAME}"]


def test_a_wrong_hash_is_refused_and_nothing_stays(server, cache):
    right = hashlib.sha256(CONTENT).hexdigest()[:8]
    wrong = f"{server.url}/model-{'0' * 7}a.pkl"
    message = rf'a\.pkl is not the file.*expected "0000000a", got "{right}.*try again'
    with pytest.raises(ValueError, match=message):
        load(wrong)
    assert names(cache) == []
    for end, place in ((right, ""), ("20220317", "*/")):  # a date is no hash
        assert load(f"{server.url}/model-{end}.pkl")["state_dict"]
        (found,) = cache.glob(f"{place}model-{end}.pkl")
        assert found.read_bytes() == CONTENT


def test_files_of_one_name_and_of_two_addresses_are_two(server, cache):
    """As `model.safetensors` of any repository."""
    urls = [f"{server.url}/{end}" for end in ("a/m.pkl", "b/m.pkl", "b/m.pkl?id=1")]
    for value, url in enumerate(urls):
        content = dict(model={"sem_seg_head.a": np.full(1, float(value))})
        server.content = pickle.dumps(content)
        assert load(url)["state_dict"]["sem_seg_head.a"].item() == value
    for value, url in enumerate(urls):
        assert load(url)["state_dict"]["sem_seg_head.a"].item() == value
    assert server.asked == ["/a/m.pkl", "/b/m.pkl", "/b/m.pkl?id=1"]


def test_a_server_that_is_not_there_is_an_error_with_a_remedy(cache):
    message = rf"could not be downloaded .*refused.* copy the file to {cache}/{NAME}"
    with pytest.raises(OSError, match=message):
        load(f"http://127.0.0.1:9/{NAME}")
    assert names(cache) == []
