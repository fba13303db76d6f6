"""Prepare COCO-Stuff 10K: ``python tools/dataset_converters/coco_stuff10k.py ROOT``.

ROOT is the folder coco_stuff_10k of version 1.0; images and label maps are written into
it. What is finished is skipped when the command is repeated.

The field S of a file holds 1 for unlabelled pixels and 2..172 for the 171 classes.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import loadmat

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from dataset_converters.preparation import (  # noqa: E402
    Sample,
    encoded,
    loaded_size,
    prepare,
    reading,
    require,
    require_equal_sizes,
    run_tool,
    write_whole,
)

IGNORED = 255
NUM_CLASSES = 171
SPLITS = ("train", "test")

_FIELD = "S"
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HDF5_OFFSETS = (0, 512)  # MATLAB puts its own header of 512 bytes before it


def prepare_coco_stuff10k(root: Path, workers: int = 1) -> str:
    """Write ``images_detectron2`` and ``annotations_detectron2`` below the root.

    Args:
        root: the folder coco_stuff_10k, with ``images``, ``annotations`` and
            ``imageLists``.
        workers: processes.

    Returns:
        What was written, a sentence for each split.

    Raises:
        ImportError: The files are HDF5 and h5py is not installed.
        OSError, ValueError: as :func:`prepare`.
    """
    samples = [sample for split in SPLITS for sample in find_samples(root, split)]
    return prepare(convert, samples, NUM_CLASSES, IGNORED, workers=workers)


def find_samples(root: Path, split: str) -> list[Sample]:
    """The images that ``imageLists/{split}.txt`` names, one a line, in its order."""
    listing = root / "imageLists" / f"{split}.txt"
    require(listing, f"the list of the {split} images of COCO-Stuff 10K")
    names = listing.read_text(encoding="utf-8").split()
    if not names:
        raise ValueError(f"{listing} names no image: unpack COCO-Stuff 10K again.")
    return [
        Sample(
            image=root / "images" / f"{name}.jpg",
            labels=root / "annotations" / f"{name}.mat",
            new_image=root / "images_detectron2" / split / f"{name}.jpg",
            new_labels=root / "annotations_detectron2" / split / f"{name}.png",
        )
        for name in names
    ]


def convert(sample: Sample) -> None:
    """Copy the image and write its label map as 8-bit PNG."""
    labels = read_labels(sample.labels)
    with reading(sample.image):
        content = sample.image.read_bytes()
        size = loaded_size(Image.open(BytesIO(content)))
    require_equal_sizes(sample.image, size, sample.labels, labels.shape)
    write_whole(sample.new_image, content)
    write_whole(sample.new_labels, encoded(labels, "PNG"))


def read_labels(path: Path) -> np.ndarray:
    """Labels (H, W) uint8, 0..170 or 255, of a file of the release."""
    numbers = read_field(path, _FIELD)
    low, high = numbers.min(), numbers.max()
    if low < 1 or high > NUM_CLASSES + 1:
        raise ValueError(
            f"{path} holds the labels {low}..{high}; version 1.0 of COCO-Stuff 10K "
            f"numbers them 1..{NUM_CLASSES + 1}. Other versions number them "
            "differently: download version 1.0."
        )
    return numbers.astype(np.uint8) - np.uint8(2)  # 1 wraps around to 255


def read_field(path: Path, field: str) -> np.ndarray:
    """A matrix (H, W) of a MATLAB file, of version 7.3 (HDF5) or before.

    Raises:
        ImportError: The file is HDF5 and h5py is not installed.
        OSError: It is missing, incomplete, or has no such matrix.
    """
    with reading(path):
        hdf5 = _is_hdf5(path)
    values = _read_hdf5(path, field) if hdf5 else _read_mat(path, field)
    if values is None or values.ndim != 2:
        raise OSError(
            f"{path} holds no matrix {field}: it is no label map of COCO-Stuff 10K. "
            "Unpack the data set again, or download it anew."
        )
    return values


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(max(_HDF5_OFFSETS) + len(_HDF5_SIGNATURE))
    return any(head.startswith(_HDF5_SIGNATURE, start) for start in _HDF5_OFFSETS)


def _read_hdf5(path: Path, field: str) -> np.ndarray | None:
    """HDF5 holds MATLAB's columns as rows, hence the transposition."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f"{path} is an HDF5 file and h5py, which reads it, is not installed: "
            "pip install h5py."
        ) from error
    with reading(path), h5py.File(path, "r") as file:
        return file[field][()].T if field in file else None


def _read_mat(path: Path, field: str) -> np.ndarray | None:
    with reading(path):
        return loadmat(path, variable_names=[field]).get(field)


if __name__ == "__main__":
    run_tool(
        prepare_coco_stuff10k,
        description="Prepare COCO-Stuff 10K, 171 classes",
        root="the folder that holds images, annotations and imageLists of version 1.0",
    )
