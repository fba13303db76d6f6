"""What pyproject.toml cannot say: configs and tools travel inside the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# What `mim` looks for in an installed package, under `.mim`.
MIM_PARTS = ("configs", "tools", "model-index.yml")


class BuildPyWithMim(build_py):
    """Put configs and tools into the wheel; an editable install reads the checkout."""

    def run(self) -> None:
        """Build the package, then add `.mim`."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "mmseg_maskformer" / ".mim"
        shutil.rmtree(target, ignore_errors=True)
        for path in mim_files():
            place = target / path.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)

    def get_source_files(self) -> list[str]:
        """What an archive of the sources must hold."""
        own = [*mim_files(), ROOT / "CHANGELOG.md"]
        return super().get_source_files() + [str(x.relative_to(ROOT)) for x in own]


def mim_files() -> list[Path]:
    """The files that go under `.mim`."""
    found = [x for part in MIM_PARTS for x in (ROOT / part, *(ROOT / part).rglob("*"))]
    return sorted(x for x in found if x.is_file() and x.suffix != ".pyc")


setup(cmdclass={"build_py": BuildPyWithMim})
