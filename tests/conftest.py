"""Where the tests find data, and which of them see a GPU or mmdet.

Two folders are looked for beside the checkout and can be put elsewhere:
`MASKFORMER_DATA` (default `../shared/data`) and `MASKFORMER_GOLDEN` (default: the
folder `golden` beside the data). A test whose folder is absent is skipped with the
name of the variable. Where the variable is set or the folder exists, it fails instead:
nothing may be missing then.
`MASKFORMER_WITHOUT=mmdet` makes the named packages impossible to import. Only
`pytest -m gpu` sees a GPU: the other tests compare with numbers of the CPU, where the
hosts would take the GPU of themselves.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

pytest.register_assert_rewrite("tests.helpers")  # failures there show values, too

REPOSITORY = Path(__file__).resolve().parent.parent


def data_dir() -> Path:
    """The folder of data sets, whether or not it exists."""
    default = REPOSITORY.parent / "shared" / "data"
    return Path(os.environ.get("MASKFORMER_DATA", default))


def golden_dir() -> Path:
    """The folder of the original implementation's outputs."""
    default = data_dir().parent / "golden"
    return Path(os.environ.get("MASKFORMER_GOLDEN", default))


def existing(path: Path, variable: str) -> Path:
    """A folder that exists; without it the test is skipped, or fails if it is named."""
    if not path.is_dir():
        if variable in os.environ:
            pytest.fail(f"{variable} names {path}, which is no folder", pytrace=False)
        pytest.skip(
            f"{path} does not exist; set {variable} to the folder that holds it"
        )
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data sets; the test is skipped when it is absent."""
    return existing(data_dir(), "MASKFORMER_DATA")


@pytest.fixture
def configured_data(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of data sets, where the configurations find it too."""
    monkeypatch.setenv("MASKFORMER_DATA", str(shared_data))
    return shared_data


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of golden outputs; the test is skipped when it is absent."""
    return existing(golden_dir(), "MASKFORMER_GOLDEN")


@pytest.fixture(scope="session")
def golden_rule(golden: Path) -> ModuleType:
    """The rule of the weights and images behind the golden outputs."""
    spec = importlib.util.spec_from_file_location("weights", golden / "weights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True, scope="module")
def scope_of_one_file() -> Iterator[None]:
    """What tests and fixtures of a file make mmengine's default scope ends with it."""
    registry = sys.modules.get("mmengine.registry")
    scopes = registry.DefaultScope._instance_dict if registry else {}
    before = dict(scopes)
    yield
    scopes.clear()
    scopes.update(before)


def pytest_configure(config: pytest.Config) -> None:
    """Block packages, windows and the GPU, in processes that tests start too."""
    os.environ["MPLBACKEND"] = "Agg"
    for package in filter(None, os.environ.get("MASKFORMER_WITHOUT", "").split(",")):
        sys.modules[package] = None  # type: ignore[assignment]
    if config.getoption("markexpr") != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked `gpu` or `mmdet` where there is none."""
    absent = {}
    if not torch.cuda.is_available():
        absent["gpu"] = "needs a CUDA device and `pytest -m gpu`"
    if not _installed("mmdet"):
        absent["mmdet"] = "needs mmdet"
    for item in items:
        for mark in absent.keys() & item.keywords.keys():
            item.add_marker(pytest.mark.skip(reason=absent[mark]))


def _installed(package: str) -> bool:
    """Whether a package can be imported, which is not tried."""
    blocked = sys.modules.get(package, package) is None
    return not blocked and importlib.util.find_spec(package) is not None
