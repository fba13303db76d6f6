"""Packaging. Needs setuptools only; nothing here imports torch."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKAGE = "mmseg_maskformer"
# What `mim` looks for in an installed package, under `.mim`.
MIM_PARTS = ("configs", "tools")


class BuildPyWithMim(build_py):
    """Put configs and tools into the wheel; an editable install reads the checkout."""

    def run(self) -> None:
        """Build the package, then add `.mim`."""
        super().run()
        if getattr(self, "editable_mode", False):
            return
        target = Path(self.build_lib) / PACKAGE / ".mim"
        shutil.rmtree(target, ignore_errors=True)
        for part in MIM_PARTS:
            ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(ROOT / part, target / part, ignore=ignore)
        shutil.copy(ROOT / "model-index.yml", target)


def version() -> str:
    """Read the version without importing the package."""
    text = (ROOT / PACKAGE / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]


setup(
    # mim takes the folder of the first file of a wheel for the package, so the name of
    # the distribution must sort after the package and console scripts are out.
    name="mmsegmentation-maskformer",
    version=version(),
    description="Mask-classification segmentation (MaskFormer) for OpenMMLab",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    include_package_data=True,
    cmdclass={"build_py": BuildPyWithMim},
    install_requires=["numpy", "scipy", "tifffile", "torch>=2.4", "torchvision"],
    # The hosts are extras for fresh environments. Who has one of the two stacks already
    # installs without an extra: the two share their import names.
    extras_require={
        "onedl": [
            "onedl-mmengine>=0.10.12",
            "onedl-mmcv>=2.3.6",
            "onedl-mmsegmentation>=1.4.2",
            "onedl-mmdetection>=3.5.1",
            "timm",
        ],
        "openmmlab": [
            "mmengine>=0.10.7,<0.11",
            "mmcv-lite>=2.1,<2.2",
            "mmsegmentation>=1.2.2,<1.3",
            "mmdet>=3.3,<3.4",
            "timm",
            "ftfy",
            "regex",
            "setuptools<82",  # mmengine 0.10.7 imports pkg_resources
        ],
        "test": [
            "pytest>=8",
            "pytest-xdist",
            "ruff>=0.12",
            "mypy>=1.15",
            "setuptools>=64",
            "wheel",
            "h5py",  # label maps of COCO-Stuff-10K
            "transformers>=5",  # the peer of conversions; brings safetensors
            "onedl-mim",  # searches and downloads in an installed wheel
        ],
    },
    classifiers=[
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
