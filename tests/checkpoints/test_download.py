"""Downloads that break off, are wrong or impossible, from a server on loopback."""

from __future__ import annotations

import hashlib

import pytest
from mmengine.runner import CheckpointLoader

from mmseg_maskformer.adapters.host import prepare_host
from tests.checkpoints.conftest import CONTENT

prepare_host()
load = CheckpointLoader.load_checkpoint
NAME = "model_final_1.pkl"


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
    for end in (right, "20220317"):  # a date is no hash
        assert load(f"{server.url}/model-{end}.pkl")["state_dict"]
        assert (cache / f"model-{end}.pkl").is_file()


def test_a_server_that_is_not_there_is_an_error_with_a_remedy(cache):
    message = rf"could not be downloaded .*refused.* copy the file to {cache}/{NAME}"
    with pytest.raises(OSError, match=message):
        load(f"http://127.0.0.1:9/{NAME}")
    assert names(cache) == []
