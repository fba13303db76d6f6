"""Bad files of pickled arrays are refused by name, and nothing in them runs."""

from __future__ import annotations

import os
import pickle
import subprocess

import numpy as np
import pytest
import torch
from mmengine.runner import load_checkpoint

from mmseg_maskformer.adapters.host import prepare_host
from mmseg_maskformer.checkpoints.files import read_checkpoint

prepare_host()


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "half.pkl"
    content = pickle.dumps(dict(model={"a": np.arange(100.0)}))
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(
        ValueError, match=r"half\.pkl cannot be read.*download it again"
    ):
        read_checkpoint(path)


class Malicious:
    """Unpickles to a call of a function of the attacker's choice."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("attack", "name"),
    [
        (Malicious(os.system, "touch MARK"), "posix.system"),
        (Malicious(subprocess.check_call, ["touch", "MARK"]), "subprocess.check_call"),
        (Malicious(eval, "open('MARK', 'w')"), "builtins.eval"),
        (Malicious(getattr, "", "join"), "builtins.getattr"),
    ],
)
@pytest.mark.parametrize("load", [read_checkpoint, "host"])
def test_a_file_that_wants_to_run_code_is_refused(
    tmp_path, monkeypatch, attack, name, load
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps(dict(model={"a": np.ones(2), "b": attack})))
    if load == "host":

        def load(path):
            load_checkpoint(torch.nn.Linear(1, 1), str(path))

    with pytest.raises(ValueError, match=rf"bad\.pkl.*asks for {name}.*do not trust"):
        load(path)
    assert not (tmp_path / "MARK").exists()


def test_a_forged_type_is_refused_and_not_handed_to_numpy(tmp_path):
    """A type of objects whose flags deny it makes NumPy follow the file's pointers."""
    state = b"(I1\n(I1\ntcnumpy\ndtype\n(S'O8'\nI0\nI1\ntR"
    state += b"(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'AAAAAAAA'\nt"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
    path = tmp_path / "forged.pkl"
    path.write_bytes(b"(dS'a'\n" + array + state + b"bs.")
    with pytest.raises(ValueError, match=r"forged\.pkl.*an array of type 'O8'"):
        read_checkpoint(path)


def test_bytes_that_do_not_fill_the_shape_are_refused(tmp_path):
    path = tmp_path / "short.pkl"
    content = pickle.dumps({"a": np.zeros(4, np.float32)}, protocol=2)
    assert content.count(b"K\x04\x85") == 1  # the shape, (4,)
    path.write_bytes(content.replace(b"K\x04\x85", b"K\x40\x85"))
    with pytest.raises(ValueError, match=r"short\.pkl cannot be read"):
        read_checkpoint(path)


def test_arrays_pickled_by_numpy_1_and_2_are_read(tmp_path):
    """Their module names differ; both are written here by hand."""
    arrays = {"sem_seg_head.a": np.arange(6, dtype=np.float32).reshape(2, 3)}
    content = pickle.dumps(dict(model=arrays), protocol=2)
    modules = (b"numpy.core.multiarray", b"numpy._core.multiarray")
    ours = next(name for name in reversed(modules) if name in content)
    for module in modules:
        path = tmp_path / "arrays.pkl"
        path.write_bytes(content.replace(b"c" + ours, b"c" + module))
        (tensor,) = read_checkpoint(path).values()
        assert tensor.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list, not tensors by name"),
        (dict(model={"a": "text"}), "holds a str under 'a', where a tensor is"),
        (dict(model={"a": np.array(["x"])}), "an array of type 'U1'"),
        (dict(model={"a": np.array([None])}), "an array of type 'O8'"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, content, message):
    path = tmp_path / "other.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=message):
        read_checkpoint(path)


def test_a_missing_file_is_named():
    with pytest.raises(
        FileNotFoundError, match=r"no checkpoint file none\.pkl .looked from /"
    ):
        read_checkpoint("none.pkl")
