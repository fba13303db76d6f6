"""Annotation files in COCO's format, and what can be wrong with them.

Every message names the file, what it holds and what to do.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from itertools import zip_longest

from .transforms import naming


class CocoFile:
    """Content of an annotation file of objects or of panoptic segments.

    Args:
        path: where to read.
        name: what messages call the file.

    Raises:
        OSError: There is no such file, or it is no JSON.
        ValueError: It has no images or no categories, or not what they need.
    """

    def __init__(self, path: str, name: str) -> None:
        self.name = name
        with naming("annotation file", name), open(path, encoding="utf-8") as file:
            self.content: dict = json.load(file)
        known = isinstance(self.content, dict) and self.content.keys()
        missing = {"images", "categories"} - set(known or ())
        if missing:
            raise ValueError(
                f"{name} is no annotation file in COCO's format: it has no "
                f"{shown(sorted(missing))}. Check ann_file of the data set."
            )
        images = {"id", "file_name", "height", "width"}
        self.require(images, "image", self.content["images"])
        self.require({"id", "name"}, "category", self.content["categories"])

    @property
    def categories(self) -> list[dict]:
        """Categories in the order of the file."""
        return self.content["categories"]

    @property
    def annotations(self) -> list[dict]:
        """Objects, or one entry per image of a panoptic file; none without labels."""
        return self.content.get("annotations", [])

    @property
    def segments(self) -> list[dict]:
        """Panoptic segments of all images."""
        return [x for image in self.annotations for x in image["segments_info"]]

    def require(self, keys: set[str], what: str, rows: Iterable[dict]) -> None:
        """Refuse rows that lack a key."""
        for row in rows:
            if keys - row.keys():
                raise ValueError(
                    f"{self.name} has the {what} {str(row)[:120]}, which lacks "
                    f"{shown(sorted(keys - row.keys()))}. Complete it in COCO's format."
                )

    def check_kind(self, panoptic: bool) -> None:
        """Refuse objects where segments are needed and the other way round."""
        if not self.annotations or ("segments_info" in self.annotations[0]) == panoptic:
            return
        if panoptic:
            raise ValueError(
                f"{self.name} is a file of instances: its annotations have no "
                "segments_info. Give CocoPanopticDataset the panoptic file, or take "
                "CocoInstanceDataset and a model with num_stuff_classes=0."
            )
        raise ValueError(
            f"{self.name} is a panoptic file: its annotations have segments_info. Give "
            "CocoInstanceDataset the file of instances, or take CocoPanopticDataset "
            "and a panoptic model."
        )

    def drop_strangers(self) -> None:
        """Forget annotations of images that the file does not list, as hosts do."""
        self.require({"image_id"}, "annotation", self.annotations)
        images = {image["id"] for image in self.content["images"]}
        kept = [x for x in self.annotations if x["image_id"] in images]
        self.content["annotations"] = kept

    def check_some(self, annotated: Collection[dict]) -> None:
        """Refuse a file without any object or segment."""
        if not annotated:
            raise ValueError(
                f"{self.name} annotates nothing in its images. Check that it is the "
                "file of a split with labels and that it was written completely."
            )

    def check_every_image(self) -> None:
        """Refuse images without an entry among the annotations."""
        images = {image["id"] for image in self.content["images"]}
        bare = sorted(images - {x["image_id"] for x in self.annotations})
        if bare:
            raise ValueError(
                f"{self.name} has no annotation for {len(bare)} of its images, with "
                f"the id(s) {shown(bare)}. Annotate them or remove them from the file."
            )

    def check_classes(self, classes: Sequence[str]) -> None:
        """Classes must be categories, in the file's order: hosts number them by it."""
        names = [category["name"] for category in self.categories]
        unknown = [name for name in classes if name not in names]
        if unknown:
            raise ValueError(
                f"metainfo['classes'] of the data set has {shown(unknown)}, but the "
                f"categories of {self.name} are {shown(names)}. Use the file's names."
            )
        self._check_names("classes", classes, [x for x in names if x in classes])

    def check_things(self, metainfo: dict) -> None:
        """Things and stuff must be those of the file, and things must come first."""
        self.require({"isthing"}, "category", self.categories)
        chosen = [x for x in self.categories if x["name"] in metainfo["classes"]]
        things = [x["name"] for x in chosen if x["isthing"]]
        stuff = [x["name"] for x in chosen if not x["isthing"]]
        self._check_names("thing_classes", metainfo.get("thing_classes", ()), things)
        self._check_names("stuff_classes", metainfo.get("stuff_classes", ()), stuff)
        early = [x["name"] for x in chosen[: len(things)] if not x["isthing"]]
        if early:
            raise ValueError(
                f"The categories of {self.name} have the stuff {shown(early)} before "
                "things. List things first, there and in metainfo['classes']."
            )

    def check_category_ids(
        self, segments: Iterable[dict], among: Collection[str]
    ) -> None:
        """Refuse segments of a category that is not listed or not ``among`` names."""
        allowed = {x["id"] for x in self.categories if x["name"] in among}
        wrong = sorted({x["category_id"] for x in segments} - allowed)
        if wrong:
            raise ValueError(
                f"{self.name} has segments of category_id {shown(wrong)}, which its "
                "categories do not list or metainfo['classes'] leaves out. Add what is "
                "missing, or remove the segments and paint them black (void)."
            )

    def check_crowds(self) -> None:
        """Refuse crowds of stuff, which hosts do not tell from other stuff."""
        things = {x["id"] for x in self.categories if x["isthing"]}
        for segment in self.segments:
            if segment.get("iscrowd") and segment["category_id"] not in things:
                raise ValueError(
                    f"{self.name} has the crowd {segment['id']} of the stuff category "
                    f"{segment['category_id']}: only things can be crowds. Set iscrowd "
                    "to 0, or paint the segment black (void) and remove it."
                )

    def _check_names(
        self, key: str, ours: Sequence[str], theirs: Sequence[str]
    ) -> None:
        for place, (own, other) in enumerate(zip_longest(ours, theirs)):
            if own != other:
                raise ValueError(
                    f"metainfo[{key!r}] of the data set has {own!r} in place {place}, "
                    f"but the categories of {self.name} have {other!r} there. Write "
                    "the file's names in its order; its isthing says what is a thing."
                )


def shown(values: Iterable[object]) -> str:
    """The first values, for a message."""
    values = list(values)
    return ", ".join(map(str, values[:8])) + (", ..." if len(values) > 8 else "")
