"""The questions of docs/evidence.md: which configs are trained, how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
CCP = "efficientnet-lite0_1xb8-3k_ccp-256x192"
CCP_FIXED = "efficientnet-lite0-fixed_1xb8-3k_ccp-256x192"


@dataclass(frozen=True)
class Part:
    """One comparison of a question.

    Args:
        folder: below that of all questions.
        configs: paths in configs, without suffix.
        seeds: of the trainings.
        once: of these configs the first seed only.
        overrides: of every config.
        multi_scale: evaluate with scales and flips too.
    """

    folder: str
    configs: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    once: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    multi_scale: bool = False

    @property
    def name(self) -> str:
        """What tells it from the other comparisons of its question."""
        return Path(self.folder).name

    @property
    def paths(self) -> tuple[str, ...]:
        """Files of the configs."""
        return tuple(str(CONFIGS / f"{name}.py") for name in self.configs)


def merged_classes(count: int) -> dict[str, int]:
    """What gives a config of CCP another number of classes."""
    sets = ("train", "val", "test")
    return {
        "model.decode_head.num_classes": count,
        **{f"{name}_dataloader.dataset.num_classes": count for name in sets},
    }


MASK2FORMER = f"mask2former/mask2former_{CCP}"
VOCABULARY = (
    f"per_pixel_baseline/per_pixel_baseline_plus_{CCP}",
    f"studies/ccp/maskformer_{CCP_FIXED}",
    f"maskformer/maskformer_{CCP}",
)


def _vocabulary(count: int, *others: str, seeds: tuple[int, ...] = (0,)) -> Part:
    """CCP with that many classes; other configs are trained once."""
    return Part(
        f"vocabulary/{count}",
        configs=(*VOCABULARY, *others),
        seeds=seeds,
        once=tuple(Path(name).name for name in others),
        overrides=merged_classes(count),
    )


QUESTIONS: dict[str, tuple[Part, ...]] = {
    "vocabulary": (
        _vocabulary(55, seeds=(0, 1)),
        _vocabulary(3, seeds=(0, 1)),
        _vocabulary(22),
        _vocabulary(9),
    ),
    "mask2former": (_vocabulary(55, MASK2FORMER, seeds=(0, 1)),),
}
