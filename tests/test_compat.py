"""The stand-in for compiled operators, and checkpoints under torch's safe loading.

Runs on both stacks. What changes the import machinery runs in a fresh interpreter.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import checkpoint

import mmseg_maskformer.registry  # noqa: F401  (declares what checkpoints hold)
from mmseg_maskformer.compat import (
    EXTENSION,
    MissingOpsFinder,
    install_missing_ops_finder,
)

CHECKOUT = Path(__file__).resolve().parent.parent


needs_our_list = pytest.mark.skipif(
    hasattr(checkpoint, "get_torch_safe_globals"),
    reason="this mmengine brings a list of its own",
)


def run_python(code: str) -> str:
    """Run ``code`` in a fresh interpreter; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def stand_in():
    """Import the stand-in as Python would, without touching mmcv."""
    from importlib.util import module_from_spec

    spec = MissingOpsFinder().find_spec(EXTENSION, None)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_operators_exist_and_raise_a_sentence_when_called():
    module = stand_in()
    assert hasattr(module, "nms")  # what mmcv asserts when it is imported
    with pytest.raises(
        RuntimeError, match="operator 'nms' was called.*install an mmcv"
    ):
        module.nms(torch.zeros(1, 4), threshold=0.5)


def test_stand_in_has_no_invented_dunder_names():
    assert not hasattr(stand_in(), "__file__")
    assert not hasattr(stand_in(), "__path__")


@pytest.mark.parametrize("name", ["mmcv", "mmcv.ops", "torch._C", "_ext"])
def test_finder_answers_for_nothing_else(name):
    assert MissingOpsFinder().find_spec(name, None) is None


def test_finder_is_installed_once_and_last():
    install_missing_ops_finder()
    finders = [isinstance(finder, MissingOpsFinder) for finder in sys.meta_path]
    assert finders.count(True) == 1


def test_compiled_extension_wins(tmp_path):
    package = tmp_path / "mmcv"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "_ext.py").write_text("nms = 'compiled'\n")
    printed = run_python(
        "import sys, mmseg_maskformer\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "from mmcv import _ext\n"
        "print(_ext.nms)\n"
    )
    assert printed == "compiled\n"


@pytest.mark.slow
def test_hosts_import_without_compiled_operators():
    printed = run_python(
        "import mmseg_maskformer, mmcv.ops, mmseg.models\n"
        "print(mmcv.ops.nms.__name__)\n"
    )
    assert printed.endswith("nms\n")


@pytest.mark.slow
@pytest.mark.mmdet
def test_mmdet_imports_without_compiled_operators():
    pytest.importorskip("mmdet")
    printed = run_python(
        "import mmseg_maskformer\n"
        "from mmdet.models import MaskFormerHead\n"
        "print(MaskFormerHead.__name__)\n"
    )
    assert printed.endswith("MaskFormerHead\n")


def message_hub() -> dict:
    """The parts of an mmengine checkpoint that are not tensors."""
    history = HistoryBuffer([1.5, 2.5], [1, 1])
    return {
        "log_scalars": {"train/loss": history},
        "runtime_info": {"best_score": np.float64(0.5), "class_count": np.int64(3)},
    }


def test_host_loads_its_checkpoint_as_resume_does(tmp_path):
    path = tmp_path / "checkpoint.pth"
    torch.save({"message_hub": message_hub()}, path)
    printed = run_python(
        "import mmseg_maskformer.registry\n"
        "from mmengine.runner.checkpoint import CheckpointLoader\n"
        f"loaded = CheckpointLoader.load_checkpoint({str(path)!r}, 'cpu')\n"
        "hub = loaded['message_hub']\n"
        "print(hub['log_scalars']['train/loss'].mean())\n"
        "print(*map(float, hub['runtime_info'].values()))\n"
    )
    assert printed.endswith("\n2.0\n0.5 3.0\n")  # (1.5 + 2.5) / 2


@needs_our_list
def test_checkpoint_of_the_other_numpy_loads(tmp_path):
    path = tmp_path / "checkpoint.pth"
    torch.save({"values": np.arange(3.0)}, path, _use_new_zipfile_serialization=False)
    new, old = b"numpy._core.multiarray", b"numpy.core.multiarray"
    data = path.read_bytes()
    here, other = (new, old) if new in data else (old, new)
    # Names in a pickle of protocol 2 end with a newline; no length has to be mended.
    path.write_bytes(data.replace(here, other))
    values = torch.load(path, weights_only=True)["values"]
    np.testing.assert_array_equal(values, [0.0, 1.0, 2.0])


class CallsGetattr:
    """A pickle that asks for any attribute of any allowed class."""

    def __reduce__(self):
        return getattr, (HistoryBuffer, "__init__")


@needs_our_list
@pytest.mark.parametrize(
    "content", [Path("anything"), CallsGetattr()], ids=["path", "call"]
)
def test_other_content_stays_forbidden(tmp_path, content):
    path = tmp_path / "checkpoint.pth"
    torch.save({"content": content}, path)
    with pytest.raises(UnpicklingError):
        torch.load(path, weights_only=True)
