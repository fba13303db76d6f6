"""What the preparation of every data set shares: run, repeat, write, check, report.

A file is written under another name and then renamed, so that what bears its final
name is complete: a preparation can be stopped at any time and started again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.utils import ProgressBar
from PIL import ExifTags, Image

from mmseg_maskformer.engine.arguments import at_least_one
from shared.ending import ending_in_sentences
from shared.output import UNFINISHED, written_whole
from shared.processes import results_of


class Sample(NamedTuple):
    """An image and its label map, as released and as prepared."""

    image: Path
    labels: Path
    new_image: Path
    new_labels: Path

    @property
    def split(self) -> str:
        """Name of the folder that the prepared image goes to."""
        return self.new_image.parent.name

    @property
    def finished(self) -> bool:
        """Whether both prepared files exist."""
        return self.new_image.exists() and self.new_labels.exists()


def prepare(
    convert: Callable[[Sample], None],
    samples: Sequence[Sample],
    num_classes: int,
    ignored: int,
    workers: int = 1,
) -> str:
    """Convert the samples that are not finished, then check all.

    Args:
        convert: writes both files of a sample; a function of a module, so that other
            processes find it.
        samples: all of the data set.
        num_classes: prepared labels are 0..num_classes - 1,
        ignored: or this one.
        workers: processes.

    Returns:
        A sentence for each split, one a line.

    Raises:
        OSError: A file is missing, incomplete, or not the tool's.
        ValueError: A file does not hold what it should.
    """
    _check_names(samples)
    todo = [sample for sample in samples if not sample.finished]
    print(f"Converting {len(todo)} images, {len(samples) - len(todo)} are finished")
    for_each(convert, todo, workers)
    print(f"Checking {len(samples)} images and label maps")
    _check_nothing_else(samples)
    check = partial(labels_of, num_classes=num_classes, ignored=ignored)
    return _report(samples, for_each(check, samples, workers), num_classes, ignored)


def labels_of(sample: Sample, num_classes: int, ignored: int) -> set[int]:
    """Labels that occur in a prepared label map, which must fit its image."""
    labels = read_image(sample.new_labels)
    with reading(sample.new_image), Image.open(sample.new_image) as image:
        size = loaded_size(image)
    require_equal_sizes(
        sample.new_image,
        size,
        sample.new_labels,
        labels.shape,
        remedy="Delete the two and run the tool again",
    )
    found = set(np.unique(labels).tolist())
    wrong = sorted(found - {ignored, *range(num_classes)})
    if wrong:
        raise ValueError(
            f"{sample.new_labels} holds the label {wrong[0]}, neither a class "
            f"0..{num_classes - 1} nor the ignored {ignored}: delete it and run the "
            "tool again."
        )
    return found


def read_image(path: Path) -> np.ndarray:
    """Pixels of an image as they are stored."""
    with reading(path), Image.open(path) as image:
        return np.asarray(image)


def loaded_size(image: Image.Image) -> tuple[int, int]:
    """Height and width after the turn that the camera asks for."""
    width, height = image.size
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    return (width, height) if turned else (height, width)


def require_equal_sizes(
    image: Path,
    image_size: tuple[int, ...],
    labels: Path | str,
    labels_size: tuple[int, ...],
    remedy: str = "Unpack the two again",
) -> None:
    """Refuse an image and a label map of different height or width.

    Raises:
        ValueError: The sizes differ.
    """
    if image_size != labels_size:
        raise ValueError(
            f"{labels} has {_times(labels_size)} pixels, but its image {image} has "
            f"{_times(image_size)} (height x width): they must be equal. {remedy}."
        )


def _times(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is complete as soon as it has its name."""
    with written_whole(path) as unfinished:
        unfinished.write_bytes(content)


def encoded(pixels: np.ndarray, form: str, **options: object) -> bytes:
    """Content of an image file in a form that Pillow knows."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def require(path: Path, what: str) -> Path:
    """The path, or a sentence when there is nothing.

    Args:
        path: of a file or folder.
        what: it is and what it belongs to, for the sentence.

    Raises:
        OSError: It does not exist.
    """
    if not path.exists():
        raise OSError(
            f"{path} does not exist: it is {what}. Check the folder given to the tool."
        )
    return path


@contextmanager
def reading(path: Path, remedy: str = "") -> Iterator[None]:
    """Turn whatever a decoder raises into a sentence with the file's path.

    Args:
        path: of the file.
        remedy: a sentence on what to do; by default on files of a release.
    """
    again = "Unpack the data set again, or download it anew"
    try:
        yield
    except FileNotFoundError as error:
        raise OSError(f"{path} does not exist. {remedy or f'{again}.'}") from error
    except Exception as error:
        remedy = remedy or f"{again}; delete it if this tool wrote it."
        raise OSError(
            f"{path} cannot be read ({error}). It may be incomplete. {remedy}"
        ) from error


def run_tool(prepare_root: Callable[..., str], description: str, root: str) -> None:
    """The command line of a preparation; errors are printed as sentences.

    Args:
        prepare_root: called with ``root`` and ``workers``, returns the report.
        description: of the tool.
        root: what it is, for the help.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("root", type=Path, help=root)
    parser.add_argument("--workers", type=at_least_one, default=1, help="processes")
    args = parser.parse_args()
    with ending_in_sentences(stopped="The same command goes on from here."):
        print(prepare_root(root=args.root, workers=args.workers))


def for_each(task: Callable[[Any], Any], samples: Sequence, workers: int) -> list:
    """Results of a task for every sample, in their order, under a progress bar."""
    if not samples:
        return []
    bar = ProgressBar(len(samples), file=sys.stdout)
    results = []
    for result in results_of(task, samples, workers):
        results.append(result)
        bar.update()
    print()
    return results


def _check_names(samples: Sequence[Sample]) -> None:
    """Refuse two images that would become the same file."""
    sources: dict[Path, Path] = {}
    for sample in samples:
        other = sources.setdefault(sample.new_image, sample.image)
        if other != sample.image:
            raise ValueError(
                f"{other} and {sample.image} have the same name and would both become "
                f"{sample.new_image}: remove one of them."
            )


def _check_nothing_else(samples: Sequence[Sample]) -> None:
    """Refuse other images in the folders written, which a data set would load."""
    expected = {path for sample in samples for path in sample[2:]}
    suffixes = {path.suffix for path in expected}
    for folder in sorted({path.parent for path in expected}):
        for path in sorted(folder.iterdir()):
            if path.suffix == UNFINISHED:
                path.unlink()
            elif path.suffix in suffixes and path not in expected:
                raise OSError(
                    f"{path} belongs to no image of the data set and would be loaded "
                    "with it: delete it, or move it elsewhere."
                )


def _report(
    samples: Sequence[Sample], labels: list[set[int]], num_classes: int, ignored: int
) -> str:
    lines = []
    for split in dict.fromkeys(sample.split for sample in samples):
        found = [f for s, f in zip(samples, labels, strict=True) if s.split == split]
        classes = set().union(*found) - {ignored}
        lines.append(
            f"{split}: {len(found)} images, each with a label map of its size; every "
            f"label is within 0..{num_classes - 1} or {ignored} (ignored), and "
            f"{len(classes)} of the {num_classes} classes occur."
        )
    return "\n".join(lines)
