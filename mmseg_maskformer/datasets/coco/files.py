"""Annotation files in COCO's format: what all kinds of them have in common.

A file is read and checked once, whole. Images and categories are found by their ids as
text. Every message names the file, what it holds and what to do; what is left out is
counted in the log.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import zip_longest
from typing import Any

from mmengine.logging import print_log

from mmseg_maskformer.core.messages import RESULTS_AS_LABELS, shown
from mmseg_maskformer.datasets.file_errors import naming_file

from .groups import namesakes
from .values import flag, identifier, number, side


class CocoFile:
    """Content of an annotation file of objects or of panoptic segments.

    Ids become what the file's own lists have: those of images integers, or text where
    not all of them are integers; those of categories and segments integers.

    Args:
        content: of the file; it is changed.
        name: what messages call the file.

    Raises:
        ValueError: It has no images or no categories, or not what they need.
    """

    def __init__(self, content: Any, name: str) -> None:
        self.name = name
        self.content: dict = content
        known = isinstance(content, dict) and content.keys()
        missing = {"images", "categories"} - set(known or ())
        if missing:
            raise ValueError(
                f"{name} is no annotation file in COCO's format: it has no "
                f"{shown(sorted(missing))}. Check ann_file of the data set, and of the "
                f"metric.{RESULTS_AS_LABELS * isinstance(content, list)}"
            )
        self.require({"id", "file_name"}, "image", content["images"])
        self.require({"id", "name"}, "category", content["categories"])
        if "annotations" in content:
            self.require(set(), "annotation", content["annotations"])
        self._tidy_images()
        self._tidy_categories()

    @classmethod
    def read(cls, path: str, name: str) -> CocoFile:
        """The file at a path.

        Raises:
            OSError: There is no such file, or it is no JSON.
            ValueError: As above.
        """
        with (
            naming_file("annotation file", name),
            open(path, encoding="utf-8-sig") as file,
        ):
            content = json.load(file)
        return cls(content, name)

    @property
    def images(self) -> list[dict]:
        """Images; one without a size has ``sized`` False and measures a pixel."""
        return self.content["images"]

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

    def error(self, what: str, row: dict, text: str) -> ValueError:
        """An error about a row: the file, ``what`` it is, its id, its image."""
        image = f" of image {row['image_id']}" if "image_id" in row else ""
        return ValueError(f"{self.name}: {what} {row.get('id')!r}{image} {text}")

    def say(self, count: int, total: int, text: str, warn: bool = True) -> None:
        """Count in the log what is left out or unusual, if anything is."""
        if count:
            level = logging.WARNING if warn else logging.INFO
            print_log(f"{self.name}: {count} of {total} {text}", "current", level)

    def require(self, keys: set[str], what: str, rows: Any) -> None:
        """Refuse what is no list of rows, and rows that lack a key."""
        if not isinstance(rows, list):
            raise ValueError(
                f"{self.name} has {rows!r:.120} ({type(rows).__name__}) where the list "
                f"of every {what} belongs. Complete it in COCO's format."
            )
        for row in rows:
            if not isinstance(row, dict):
                raise ValueError(
                    f"{self.name} has {row!r:.120} ({type(row).__name__}) where the "
                    f"{what} of a list belongs. Complete it in COCO's format."
                )
            if keys - row.keys():
                raise ValueError(
                    f"{self.name} has the {what} {str(row)[:120]}, which lacks "
                    f"{shown(sorted(keys - row.keys()))}. Complete it in COCO's format."
                )

    def check_kind(self, panoptic: bool) -> None:
        """Refuse objects where segments are needed and the other way round."""
        kinds = {"segments_info" in x for x in self.annotations}
        if kinds <= {panoptic}:
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

    def find_images(self) -> None:
        """Let annotations have the ids of the images; leave out those of no image."""
        self.require({"image_id"}, "annotation", self.annotations)
        known = {str(image["id"]): image["id"] for image in self.images}
        kept: list[dict] = []
        strange: list[dict] = []
        for row in self.annotations:
            image_id = self._value(identifier, row, "image_id", "annotation")
            row["image_id"] = known.get(str(image_id), image_id)
            (kept if str(image_id) in known else strange).append(row)
        self.say(
            len(strange),
            len(self.annotations),
            "annotations are left out: the file lists no image of their image_id "
            f"({shown(x['image_id'] for x in strange)}).",
        )
        self.content["annotations"] = kept

    def set_flags(self, what: str, rows: Iterable[dict], key: str) -> None:
        """Let rows have 0 or 1 as a flag, 0 where it is absent."""
        for row in rows:
            row[key] = self._value(flag, row, key, what)

    def set_numbers(self, what: str, rows: Iterable[dict], key: str) -> None:
        """Let rows have integers under a key."""
        for row in rows:
            row[key] = self._value(number, row, key, what)

    def count_crowds(self, what: str, rows: Sequence[dict]) -> None:
        """Give the share of crowds, as a warning where it is a tenth or more."""
        crowds = sum(row["iscrowd"] for row in rows)
        share = crowds / max(len(rows), 1)
        self.say(
            crowds,
            len(rows),
            f"{what} ({100 * share:.1f} %) have iscrowd=1: they are no targets in "
            "training and excused in evaluation. Where they are single objects (tools "
            "write 1 for masks drawn with a brush), set iscrowd to 0.",
            warn=share >= 0.1,
        )

    def check_some(self, annotated: Collection[dict]) -> None:
        """Refuse a file without any object or segment."""
        if not annotated:
            raise ValueError(
                f"{self.name} annotates nothing in its images. Check that it is the "
                "file of a split with labels, that it was written completely, and what "
                "the log says about annotations that are left out."
            )

    def check_classes(self, classes: Sequence[str]) -> None:
        """Classes must be categories, in the file's order: hosts number them by it."""
        names = [category["name"] for category in self.categories]
        self.check_known(classes)
        self._check_names("classes", classes, [x for x in names if x in classes])

    def check_known(self, classes: Iterable[str]) -> None:
        """Classes must be categories."""
        names = [category["name"] for category in self.categories]
        unknown = [name for name in classes if name not in names]
        if unknown:
            raise ValueError(
                f"metainfo['classes'] of the data set has {shown(unknown)}, but the "
                f"categories of {self.name} are {shown(names)}. Use the file's names."
            )

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
        self, rows: Iterable[dict], among: Collection[str], what: str = "segments"
    ) -> None:
        """Refuse rows of a category that is not listed or not ``among`` names."""
        allowed = {x["id"] for x in self.categories if x["name"] in among}
        wrong = sorted({x["category_id"] for x in rows} - allowed)
        if wrong:
            painted = " and paint them black (void)" if what == "segments" else ""
            raise ValueError(
                f"{self.name} has {what} of category_id {shown(wrong)}, which its "
                "categories do not list or metainfo['classes'] leaves out. Add what is "
                f"missing, or remove the {what}{painted}."
            )

    def _tidy_images(self) -> None:
        for image in self.images:
            image["id"] = self._value(identifier, image, "id", "image")
            if not isinstance(image["file_name"], str) or not image["file_name"]:
                raise self.error(
                    "image", image, f"has no name of a file: {image['file_name']!r}."
                )
            for key in ("height", "width"):
                image[key] = self._value(side, image, key, "image")
            image["sized"] = bool(image["height"] and image["width"])
            if not image["sized"]:
                image.update(height=1, width=1)
        if len({type(image["id"]) for image in self.images}) > 1:
            for image in self.images:
                image["id"] = str(image["id"])
        self._check_once("image", "id")
        missing = sum(not image["sized"] for image in self.images)
        self.say(missing, len(self.images), "images have no size in it.", warn=False)
        again = len(self.images) - len({image["file_name"] for image in self.images})
        text = "images are files listed before, and empty if annotated there only."
        self.say(again, len(self.images), text)

    def _tidy_categories(self) -> None:
        self.set_numbers("category", self.categories, "id")
        for category in self.categories:
            if not isinstance(category["name"], str):
                raise self.error(
                    "category", category, f"has no text as its name: {category['name']}"
                )
            if "isthing" in category:
                category["isthing"] = self._value(flag, category, "isthing", "category")
        self._check_once("category", "id")
        for group in namesakes(self.categories, self.annotations):
            self.categories.remove(group)
        self._check_once("category", "name")

    def _check_once(self, what: str, key: str) -> None:
        rows = self.images if what == "image" else self.categories
        times = Counter(str(row[key]) for row in rows)
        twice = [value for value, count in times.items() if count > 1]
        if twice:
            raise ValueError(
                f"{self.name} lists the {what} {key} {shown(twice)} more than once. "
                "Give each its own, in its annotations too: where files were joined, "
                "number those of the second anew."
            )

    def _value(self, read: Any, row: dict, key: str, what: str) -> Any:
        """A value of a row as ``read`` reads it, or an error about it."""
        try:
            return read(row.get(key))
        except ValueError as error:
            raise self.error(what, row, f"has {key} {error}") from None

    def _check_names(
        self, key: str, ours: Sequence[str], theirs: Sequence[str]
    ) -> None:
        for place, (own, other) in enumerate(zip_longest(ours, theirs)):
            if own != other:
                plain = key == "classes"
                meant = "" if plain else "; its isthing says what is a thing"
                raise ValueError(
                    f"metainfo[{key!r}] of the data set has {own!r} in place {place}, "
                    f"but the categories of {self.name} have {other!r} there. Write "
                    f"the file's names in its order{meant}."
                )
