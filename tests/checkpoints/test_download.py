"""Downloads that break off, change, are wrong or meet, from a server on loopback."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from mmengine.runner import CheckpointLoader

import mmseg_maskformer.adapters.semantic  # noqa: F401  (registers the schemes)
from mmseg_maskformer.checkpoints.download import download
from tests.checkpoints.conftest import CONTENT

NAME = "model_final_1.pkl"


def starts(server):
    """Where the parts begin that were asked for."""
    return [start for _, start in server.asked]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def broken_off(server, cache):
    """The address of a file of which the first 1000 bytes have arrived."""
    server.breaks_off = True
    url = f"{server.url}/{NAME}"
    with pytest.raises(OSError, match=rf"1000 of {len(CONTENT)} bytes.*Run the same"):
        download(url, cache)
    assert (cache / f"{NAME}.partial").read_bytes() == CONTENT[:1000]
    assert not (cache / NAME).exists()
    return url


@pytest.mark.parametrize("ranges", ["honoured", "ignored"])
def test_a_broken_download_is_continued_where_it_stopped(server, cache, ranges):
    url = broken_off(server, cache)
    server.ranges = ranges
    assert download(url, cache).read_bytes() == CONTENT
    assert starts(server) == [0, 1000]
    assert names(cache) == [NAME]


@pytest.mark.parametrize(
    ("ranges", "asked"), [("honoured", [0, 1000]), ("blind", [0, 1000, 0])]
)
def test_parts_of_two_files_are_not_joined(server, cache, ranges, asked):
    url = broken_off(server, cache)
    server.content, server.tag, server.ranges = CONTENT[::-1], '"2"', ranges
    assert download(url, cache).read_bytes() == CONTENT[::-1]
    assert starts(server) == asked


def test_a_file_that_the_server_does_not_identify_is_begun_anew(server, cache):
    server.tag = ""
    url = broken_off(server, cache)
    assert download(url, cache).read_bytes() == CONTENT
    assert starts(server) == [0, 0]


@pytest.mark.parametrize("surplus", [0, 5])
def test_a_part_of_the_whole_length_is_complete_and_a_longer_one_wrong(
    server, cache, surplus
):
    cache.mkdir()
    server.ranges = "blind"
    size = len(CONTENT)
    (cache / f"{NAME}.partial").write_bytes(CONTENT + bytes(surplus))
    (cache / f"{NAME}.version").write_text(server.tag)
    assert download(f"{server.url}/{NAME}", cache).read_bytes() == CONTENT
    assert starts(server) == ([size + surplus, 0] if surplus else [size])
    assert names(cache) == [NAME]


def test_a_cut_file_of_unknown_length_is_set_aside(server, cache):
    server.breaks_off, server.says_length = True, False
    url = f"{server.url}/{NAME}"
    message = rf"{NAME} cannot be read.*download it again.*{NAME}\.damaged now"
    with pytest.raises(ValueError, match=message):
        CheckpointLoader.load_checkpoint(url)
    assert names(cache) == [f"{NAME}.damaged"]
    found = CheckpointLoader.load_checkpoint(url)["state_dict"]["sem_seg_head.a"]
    assert found.tolist() == list(range(50_000))


def test_of_processes_that_meet_one_downloads(server, cache):
    meeting = threading.Barrier(2)

    def wait_for_another():
        with suppress(threading.BrokenBarrierError):  # nobody came
            meeting.wait(timeout=0.5)

    server.hold = wait_for_another
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(download, f"{server.url}/{NAME}", cache) for _ in range(4)]
    assert [x.result().read_bytes() == CONTENT for x in found] == 4 * [True]
    assert starts(server) == [0]
    assert names(cache) == [NAME]


def test_a_file_system_without_locks_is_a_sentence(server, cache, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def flock(*_):
        raise OSError("No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match=r"checkpoints cannot lock files.*TORCH_HOME"):
        download(f"{server.url}/{NAME}", cache)
    assert starts(server) == []


def test_a_wrong_hash_is_refused_and_nothing_stays(server, cache):
    right = hashlib.sha256(CONTENT).hexdigest()[:8]
    wrong = f"{server.url}/model-{'0' * 7}a.pkl"
    with pytest.raises(ValueError, match=rf"SHA-256 {right}.*name says 0000000a"):
        CheckpointLoader.load_checkpoint(wrong)
    assert names(cache) == []
    for end in (right, "20220317"):  # a date is no hash
        assert download(f"{server.url}/model-{end}.pkl", cache).exists()


def test_a_server_that_is_not_there_is_a_sentence(cache):
    with pytest.raises(OSError, match="could not be downloaded.*refused"):
        CheckpointLoader.load_checkpoint("http://127.0.0.1:9/model_final_1.pkl")
    assert names(cache) == []
