"""The size of an image against the size that its annotation file gives."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from mmengine.dataset import Compose


class SizeChecking(Compose):
    """A pipeline that compares sizes as soon as the image is loaded.

    Items have ``height`` and ``width`` of the annotation file; loading adds
    ``ori_shape``.

    Args:
        transforms: as in the host's ``Compose``.
        file: what messages call the annotation file.
        unsized: ids of the images for which it has no size.

    Raises:
        ValueError: The sizes differ.
    """

    def __init__(
        self,
        transforms: Sequence[dict | Callable],
        file: str,
        unsized: Collection[Any] = (),
    ) -> None:
        super().__init__(transforms)
        self.file, self.unsized = file, unsized

    def __call__(self, data: dict) -> dict | None:
        """Apply the transforms one after the other."""
        expected = None
        if data.get("img_id") not in self.unsized and {"height", "width"} <= set(data):
            expected = (data["height"], data["width"])
        item: dict | None = data
        for transform in self.transforms:
            item = transform(item)
            if item is None:
                return None
            if expected and "ori_shape" in item:
                check_size(item["ori_shape"], expected, item.get("img_path"), self.file)
                expected = None
        return item


def check_size(
    loaded: Sequence[int], expected: Sequence[int], image: str | None, file: str
) -> None:
    """Refuse an image of another size than its annotations were made on.

    Args:
        loaded: height and width.
        expected: height and width in the annotation file.
        image: its path.
        file: what the message calls the annotation file.
    """
    size = tuple(loaded[:2])
    if size == tuple(expected):
        return
    remedy = "Check that the two belong together, or correct height and width."
    if size == tuple(expected)[::-1]:
        remedy = (
            "They are exchanged: where annotations were drawn on the stored pixels of "
            "a picture that carries an orientation (EXIF), write color_type="
            "'color_ignore_orientation' for its loading in every pipeline; otherwise "
            "correct height and width."
        )
    raise ValueError(
        f"{file} gives {image or 'an image'} {expected[0]} x {expected[1]} pixels, but "
        f"it is loaded with {size[0]} x {size[1]} (height x width). {remedy}"
    )
