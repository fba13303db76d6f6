"""Runs the transforms of a pipeline on made-up images, one by one.

In training a transform must keep image and annotation together. In evaluation results
are brought from ``img_shape`` to ``ori_shape``, so the image must fill the first, and
the annotation must be as in the file.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from mmseg_maskformer.core.conventions import VOID

from .pipeline_steps import (
    Step,
    loads,
    loads_labels,
    loads_masks,
    name_of,
    number_of_others,
    objects_of,
    tried,
)
from .trial_images import LABELS, SIZE, TrialImage, mislabelled_share, truths

_DRAWS = 6  # images per transform: some remember four before they mix them
_MORE_DRAWS = 2  # for each further one of the same kind, and for further views
_OBJECTS = ("gt_bboxes", "gt_bboxes_labels", "gt_ignore_flags", "gt_masks")
_PIXELS = 2e7  # and channels: a transform that makes large images has fewer
# Share of pixels that need not fit. As far as tried it is below 0.01 where nothing is
# wrong, and 0.07 to 0.8 where something is.
_LIMIT = 0.05
_LEAST = 4  # pixels of a square, after resizing, by which an image can be judged


class MisplacedError(Exception):
    """A transform has moved what it should not have.

    Args:
        step: the transform.
        how: "apart", "early", "filled", "mixed", "annotation" or "image".
        detail: a number or a value for the message.
    """

    def __init__(self, step: Step, how: str, detail: Any = "") -> None:
        super().__init__(step, how, detail)
        self.step, self.how, self.detail = step, how, detail


class Trial:
    """What a pipeline is tried on.

    Args:
        panoptic: maps hold numbers of segments, not classes.
        given: the data set itself gives the map.
        void: label that may be filled in.
        num_classes: labels below are classes; 0 if unknown.
    """

    def __init__(
        self, panoptic: bool, given: bool, void: int = VOID, num_classes: int = 0
    ) -> None:
        self.panoptic, self.given = panoptic, given
        self.void, self.num_classes = void, num_classes
        self.rng = np.random.default_rng(0)
        self._told: set[str] = set()
        self._kinds: set[type] = set()

    def train(self, steps: Sequence[Step]) -> None:
        """Try the pipeline of a training.

        Raises:
            MisplacedError: A transform separates image and annotation.
        """
        steps = list(tried(steps))
        labelled = [loads_labels(step) for step in steps]
        if not (self.given or any(labelled) or any(map(loads_masks, steps))):
            return
        metas = dict(reduce_zero_label=False, label_map=None, **_stored(steps))
        loaded, objects = self.given, ""
        for place, step in enumerate(steps):
            if loads_labels(step) or loads_masks(step):
                loaded = loaded or loads_labels(step)
                objects = objects or objects_of(step)
            elif not loads(step):
                early = any(labelled[place:]) and not self.given
                metas = self._train_step(step, metas, loaded, objects, early)

    def evaluate(
        self, steps: Sequence[Step], unflips: bool, compared: bool = True
    ) -> None:
        """Try the pipeline of an evaluation.

        Args:
            steps: the transforms.
            unflips: the model turns results of flipped images back.
            compared: its annotation is what results are compared with.

        Raises:
            MisplacedError: Results would not lie over the annotation.
        """
        steps = list(tried(steps))
        square, made = 16, 0
        for _ in range(_DRAWS if compared else _MORE_DRAWS):
            trial = TrialImage(self.rng, square)
            results = self._start(trial, _stored(steps), self.given)
            for step in steps:
                if loads_labels(step):
                    results |= self._map(trial)
                elif not loads(step):
                    try:
                        results = dict(step(copy.deepcopy(results)) or results)
                    except Exception as error:  # of somebody's transform
                        self._tell(step, f"{type(error).__name__}: {error}")
                        continue
                    self._judge_evaluation(step, results, trial, unflips)
                    if compared:
                        self._judge_compared(step, results, trial)
            # next time squares that survive the resizing
            square = int(np.clip(6 / max(_scale(results), 0.1), 4, 32))
            made += np.asarray(results.get("img")).size
            if made > _PIXELS:
                return

    def _train_step(
        self, step: Step, metas: dict, loaded: bool, objects: str, early: bool
    ) -> dict:
        """Results of a transform, for the next one.

        A transform of mmdet may want boxes or masks that the pipeline does not load.
        """
        hidden = () if objects else _OBJECTS
        reasons = []
        for wanted in [objects] if objects else ["", "boxes", "masks"]:
            try:
                draws = self._drawn(copy.deepcopy(step), metas, loaded, wanted)
                for found, trial in draws:
                    for key in hidden:
                        found.pop(key, None)
                    self._judge_training(step, found, trial, early)
                    metas = {k: v for k, v in found.items() if k != "mix_results"}
            except MisplacedError:
                raise
            except Exception as error:  # whatever a transform of somebody's raises
                reasons.append(f"{type(error).__name__}: {error}")
            else:
                return metas
        self._tell(step, reasons[0])
        return metas

    def _drawn(
        self, step: Step, metas: dict, loaded: bool, objects: str
    ) -> Iterator[tuple[dict, TrialImage]]:
        """What a transform makes of fresh images; of some it makes nothing."""
        made, draws = 0, _MORE_DRAWS if type(step) in self._kinds else _DRAWS
        for _ in range(draws):
            trial, *others = [
                TrialImage(self.rng) for _ in range(1 + number_of_others(step))
            ]
            start = self._start(trial, metas, loaded, objects)
            if others:
                start["mix_results"] = [
                    self._start(other, metas, loaded, objects) for other in others
                ]
            if found := step(copy.deepcopy(start)):
                yield found, trial
                made += np.asarray(found.get("img")).size
            if made > _PIXELS:
                break
        self._kinds.add(type(step))

    def _start(
        self, trial: TrialImage, metas: dict, loaded: bool, objects: str = ""
    ) -> dict[str, Any]:
        """Results that show a trial image."""
        size = dict(zip(("height", "width"), SIZE, strict=True))
        names = dict(img_path="a trial image", img_id=0, sample_idx=0, **size)
        start = {**names, **metas, "seg_fields": [], **trial.image(metas.get("img"))}
        start |= self._map(trial) if loaded else {}
        start |= trial.objects(masks=objects == "masks") if objects else {}
        return start

    def _map(self, trial: TrialImage) -> dict[str, Any]:
        wide = np.uint8 if self.void <= np.iinfo(np.uint8).max else np.uint16
        found = trial.segments() if self.panoptic else trial.labels(wide)
        return dict(found, seg_fields=["gt_seg_map"])

    def _tell(self, step: Step, reason: str) -> None:
        """Say once that a transform could not be tried."""
        if name_of(step) not in self._told:
            self._told.add(name_of(step))
            print_log(
                f"{name_of(step)} could not be tried on a made-up image ({reason}): "
                "check yourself that it keeps image and annotation together.",
                logger="current",
                level=logging.WARNING,
            )

    def _judge_training(
        self, step: Step, found: dict, trial: TrialImage, early: bool
    ) -> None:
        image = _image(found)
        if image is None:
            return
        if early and _too_much(image, trial.classes) is not None:
            raise MisplacedError(step, "early")
        if "gt_seg_map" in found:
            self._judge_values(step, np.unique(np.asarray(found["gt_seg_map"])))
        for classes in truths(found):
            share = _too_much(image, classes)
            if share is not None:
                raise MisplacedError(step, "apart", f"{1 - share:.0%}")

    def _judge_values(self, step: Step, values: np.ndarray) -> None:
        """Refuse values that a transform has made or filled in, other than void."""
        voids = {0, VOID} if self.panoptic else {self.void}
        new = sorted(set(values.tolist()) - set(LABELS.tolist()) - voids)
        if len(new) > 1:
            raise MisplacedError(step, "mixed", new[:8])
        if not new or not (self.panoptic or self.num_classes):
            return
        is_class = 0 <= new[0] < self.num_classes and new[0] != VOID
        if self.panoptic or not is_class:
            raise MisplacedError(step, "filled", new[0])

    def _judge_evaluation(
        self, step: Step, found: dict, trial: TrialImage, unflips: bool
    ) -> None:
        image = _image(found)
        if image is None or trial.square * _scale(found) < _LEAST:
            return
        height, width = found.get("img_shape", image.shape)[:2]
        visible = image[:height, :width]
        if unflips and found.get("flip"):
            axes = dict(horizontal=[1], vertical=[0], diagonal=[0, 1])
            visible = np.flip(visible, axes[found["flip_direction"]])
        visible = _resized(visible, found.get("ori_shape", SIZE)[:2])
        if _too_much(visible, trial.classes) is not None:
            raise MisplacedError(step, "image")

    def _judge_compared(self, step: Step, found: dict, trial: TrialImage) -> None:
        """The annotation must be as in the file."""
        for classes in truths(found):
            if not np.array_equal(classes, trial.classes):
                raise MisplacedError(step, "annotation")


def _stored(steps: Sequence[Step]) -> dict[str, Any]:
    """An image of the type that is loaded, and the bits of the largest one."""
    is_float = any(loads(x) and getattr(x, "to_float32", False) for x in steps)
    dtype = np.float32 if is_float else np.uint8
    return dict(img=np.zeros((1, 1, 3), dtype), img_bits=16 if is_float else 8)


def _scale(found: dict) -> float:
    """How much smaller an image is than at first."""
    return float(min(np.divide(found.get("img_shape", SIZE)[:2], SIZE)))


def _image(found: dict) -> np.ndarray | None:
    """The image of results, if it is one."""
    image = found.get("img")
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "uif":
        return None
    return image if image.ndim in (2, 3) and image.size > 0 else None


def _too_much(image: np.ndarray, classes: np.ndarray) -> float | None:
    """The share of pixels that do not fit, if that is too large; 1 for other sizes."""
    if image.shape[:2] != classes.shape:
        return 1.0
    share = mislabelled_share(image, classes)
    return share if share > _LIMIT else None


def _resized(image: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """The nearest pixels of an image for another size."""
    rows, columns = (
        (np.arange(target) + 0.5) * source // target
        for source, target in zip(image.shape, size, strict=False)
    )
    return image[rows.astype(int)][:, columns.astype(int)]
