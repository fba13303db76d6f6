"""The package as a whole: imports, names, and what a wheel holds."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from mmengine.config import Config
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import DefaultScope

from mmseg_maskformer import registry
from mmseg_maskformer.catalog import CATALOG
from tests.conftest import REPOSITORY
from tests.helpers.imports import PACKAGE, imported_names, imported_roots

HOSTS = {"mmcv", "mmdet", "mmengine", "mmseg"}
NAMES = [
    (registry_name, name)
    for registry_name, modules in CATALOG.items()
    for names in modules.values()
    for name in names
]


def own_parts(path: Path) -> set[str]:
    """Which parts of this package ``path`` imports: "core", "registry", ..."""
    names = (name.split(".") for name in imported_names(path))
    return {name[1] for name in names if name[0] == PACKAGE.name and len(name) > 1}


def sources(part: str) -> list[Path]:
    """Files of a part of the package; there are some."""
    found = sorted((PACKAGE / part).rglob("*.py"))
    assert found
    return found


def test_core_imports_torch_numpy_scipy_and_itself_only():
    for path in sources("core"):
        assert imported_roots(path) <= {"torch", "numpy", "scipy", PACKAGE.name}, path
        assert own_parts(path) <= {"core"}, path


def test_adapters_import_core_and_one_host_each():
    known = {"core", "checkpoints", "adapters", "registry", "compat"}
    for path in sources("adapters"):
        # the order of classes in released files
        tables = {"datasets"} if path.name == "host.py" else set()
        assert own_parts(path) <= known | tables, path
        assert len(imported_roots(path) & {"mmseg", "mmdet"}) <= 1, path


def test_no_program_is_ended():
    """Errors of a library can be caught; scripts end with their sentence."""
    ending = ("SystemExit", "sys.exit")
    found = [x for x in sources("") for word in ending if word in x.read_text("utf-8")]
    assert found == []


def test_the_checks_of_a_run_come_with_every_config():
    runtime = (PACKAGE.parent / "configs/_base_/default_runtime.py").read_text()
    assert 'imports=["mmseg_maskformer.checks"]' in runtime


def test_checkpoints_know_no_host_but_mmengine():
    known = {"torch", "numpy", "safetensors", "huggingface_hub", PACKAGE.name}
    for path in sources("checkpoints"):
        host = {"mmengine"} if path.name in ("loaders.py", "loading.py") else set()
        assert imported_roots(path) <= known | host, path
        assert own_parts(path) <= {"checkpoints", "compat"}, path


def test_only_the_registries_know_the_catalog():
    for path in sources("."):
        if path.name != "registry.py":
            assert "catalog" not in own_parts(path), path
    assert imported_names(PACKAGE / "catalog.py") == {"__future__"}


def test_the_finder_imports_no_framework():
    printed = run_python(
        "import sys, mmseg_maskformer\n"
        "frameworks = {'torch', 'numpy', 'mmengine', 'mmcv', 'mmseg', 'mmdet'}\n"
        "print(sorted(frameworks & set(sys.modules)))"
    )
    assert printed == "[]\n"


def test_importing_a_head_changes_nothing_and_building_one_does():
    printed = run_python(
        "import logging\n"
        "from mmengine.runner import CheckpointLoader, Runner\n"
        "def state():\n"
        "    log = logging.getLogger('mmseg_maskformer')\n"
        "    return (dict(CheckpointLoader._schemes), list(log.handlers), log.level,\n"
        "        Runner.call_hook)\n"
        "before = state()\n"
        "from mmseg_maskformer.adapters import head\n"
        "for host in 'semantic', 'panoptic', 'segmentor', 'tta':\n"
        "    try:\n"
        "        __import__(f'mmseg_maskformer.adapters.{host}')\n"
        "    except ModuleNotFoundError as error:  # only one host is installed\n"
        "        assert error.name in ('mmseg', 'mmdet'), error\n"
        "print([a == b for a, b in zip(before, state())])\n"
        "head.PredictionHead([8, 16, 32, 64], 3)\n"
        "after = state()\n"
        "print([a == b for a, b in zip(before, after)], len(after[1]))\n"
        "print(sorted(after[0].keys() - before[0].keys()))\n"
        "head.PredictionHead([8, 16, 32, 64], 3)\n"
        "print(state() == after)"
    )
    assert printed.splitlines()[-4:] == [
        "[True, True, True, True]",
        "[False, False, False, False] 1",
        "['hf://', 'mask2former://', 'maskformer://']",
        "True",
    ]


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a fresh interpreter."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def run_python(code: str) -> str:
    """Run ``code`` in a fresh interpreter; return what it prints."""
    done = python(code)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("registry_name", "name"), NAMES)
def test_name_resolves_from_the_host_registry(registry_name, name):
    root = getattr(registry, registry_name).parent
    try:
        found = root.get(f"mmseg_maskformer.{name}")
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] != "mmdet":
            raise
        pytest.importorskip("mmdet")  # a name of its half
    assert found.__name__ == name
    assert found.__module__.startswith("mmseg_maskformer.")


def test_names_are_not_taken_in_the_hosts():
    assert ROOT_MODELS.module_dict.get("SetCriterion") is None


@pytest.mark.slow
def test_head_resolves_in_a_plain_mmseg_config():
    """Without custom_imports, where mmseg itself can be imported."""
    if python("import mmseg.models").returncode:
        pytest.skip("this mmseg cannot be imported without compiled operators")
    printed = run_python(
        "from mmengine.registry import init_default_scope\n"
        "from mmseg.registry import MODELS\n"
        "init_default_scope('mmseg')\n"
        "head = MODELS.build(dict(type='mmseg_maskformer.MaskFormerHead',\n"
        "    in_channels=[8, 16, 32, 64], num_classes=7))\n"
        "print(type(head).__module__, head.num_classes)"
    )
    assert printed.endswith("mmseg_maskformer.adapters.semantic 7\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "absent", "names"),
    [
        ("mmseg", "mmdet", ["MaskFormerSegmentor", "LoadLabelMap", "LoadImage"]),
        ("mmdet", "mmseg", ["MaskFormerDetector", "LoadPanopticMap", "LoadImage"]),
    ],
)
def test_each_half_needs_its_own_host_only(host, absent, names):
    pytest.importorskip(host)
    printed = run_python(
        "import sys\n"
        f"sys.modules['{absent}'] = None  # importing it now fails\n"
        "from mmengine.registry import MODELS, TRANSFORMS\n"
        f"model, *transforms = ['mmseg_maskformer.' + x for x in {names}]\n"
        "found = [MODELS.get(model), *map(TRANSFORMS.get, transforms)]\n"
        "print(*(x.__name__ for x in found))"
    )
    assert printed.endswith(" ".join(names) + "\n")


def test_default_scope_is_left_alone():
    assert DefaultScope.get_current_instance() is None or (
        DefaultScope.get_current_instance().scope_name != registry.SCOPE
    )


def config_files() -> list[Path]:
    """Every config of the repository."""
    return sorted((REPOSITORY / "configs").rglob("*.py"))


def test_names_of_configs_are_unique():
    names = [path.name for path in config_files()]
    assert len(set(names)) == len(names)  # mim finds a config by its name alone


@pytest.mark.parametrize("path", config_files(), ids=lambda path: path.stem)
def test_config_reads(path):
    """Without mmdet, too."""
    Config.fromfile(path)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> list[str]:
    """The files of a wheel of the checkout, in its order."""
    source = tmp_path_factory.mktemp("source")
    for part in ("mmseg_maskformer", "configs", "tools"):
        shutil.copytree(REPOSITORY / part, source / part)
    for path in REPOSITORY.glob("*.*"):
        if path.is_file():
            shutil.copy(path, source)
    shutil.copy(REPOSITORY / "LICENSE", source)
    command = [sys.executable, "setup.py", "-q", "bdist_wheel", "-d", "dist"]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


def test_wheel_holds_configs_and_tools_where_mim_looks(wheel):
    scripts = ["train.py", "test.py", "dist_train.sh", "slurm_test.sh"]
    for script in scripts:
        assert f"mmseg_maskformer/.mim/tools/{script}" in wheel
    shipped = {
        f"mmseg_maskformer/.mim/{path.relative_to(REPOSITORY)}"
        for path in config_files()
    }
    shipped.add("mmseg_maskformer/.mim/model-index.yml")
    for folder in ("maskformer", "per_pixel_baseline", "mask2former"):
        shipped.add(f"mmseg_maskformer/.mim/configs/{folder}/metafile.yml")
    assert shipped <= set(wheel)


def test_wheel_holds_the_class_tables(wheel):
    folder = "mmseg_maskformer/datasets/classes"
    assert f"{folder}/ade20k_847.tsv" in wheel
    assert f"{folder}/mapillary_vistas_v1.2.tsv" in wheel


def test_metafiles_list_configs_that_exist():
    index = yaml.safe_load((REPOSITORY / "model-index.yml").read_text())
    entries = [
        model
        for path in index["Import"]
        for model in yaml.safe_load((REPOSITORY / path).read_text())["Models"]
    ]
    assert len(entries) == 30 + 47  # rows of both papers whose weights were released
    for model in entries:
        assert (REPOSITORY / model["Config"]).stem == model["Name"]
        assert (REPOSITORY / model["Config"]).exists()
        assert model["Weights"].startswith("https://")


def test_first_folder_of_the_wheel_is_the_package(wheel):
    """Where onedl-mim takes the root of a package from."""
    assert sorted(wheel)[0].split("/")[0] == "mmseg_maskformer"
    assert wheel[0].split("/")[0] == "mmseg_maskformer"
    assert not any(name.startswith(("tests/", "docs/")) for name in wheel)
    assert not any(name.endswith("entry_points.txt") for name in wheel)
