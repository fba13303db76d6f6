"""The questions of docs/evidence.md: which configs are trained, how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
CAMVID = "efficientnet-lite0_1xb4-2k_camvid-256x256"
NUCLEI = "efficientnet-lite0-6enc_1xb4-2500_dsb2018-panoptic"
NUCLEI_MASK2FORMER = "mask2former/mask2former_efficientnet-lite0_1xb4-2500_dsb2018"
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
        last: of these configs all trainings come after those of the others, config by
            config.
        amp: train in mixed precision.
        initial: the config, one of these, whose first weights all trainings of a seed
            begin with; default: each with its own.
        like: the config, one of these, whose data and length all trainings have, and
            whose test data are scored; default: each its own, and validation data.
    """

    folder: str
    configs: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    once: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    multi_scale: bool = False
    last: tuple[str, ...] = ()
    amp: bool = True
    initial: str = ""
    like: str = ""

    @property
    def name(self) -> str:
        """What tells it from the other comparisons of its question."""
        return Path(self.folder).name

    @property
    def paths(self) -> tuple[str, ...]:
        """Files of the configs."""
        return tuple(map(path_of, self.configs))


def path_of(name: str) -> str:
    """The file of a config."""
    return str(CONFIGS / f"{name}.py")


def merged_classes(count: int) -> dict[str, int]:
    """What gives a config of CCP another number of classes."""
    sets = ("train", "val", "test")
    return {
        "model.decode_head.num_classes": count,
        **{f"{name}_dataloader.dataset.num_classes": count for name in sets},
    }


MASK2FORMER = f"mask2former/mask2former_{CCP}"
FIXED = f"maskformer_{CCP_FIXED}"
VOCABULARY = (
    f"per_pixel_baseline/per_pixel_baseline_plus_{CCP}",
    f"studies/ccp/{FIXED}",
    f"maskformer/maskformer_{CCP}",
)


def _vocabulary(count: int, *others: str, seeds: tuple[int, ...] = (0,)) -> Part:
    """CCP with that many classes; other configs are trained once, at the end."""
    names = tuple(Path(name).name for name in others)
    return Part(
        f"vocabulary/{count}",
        configs=(*VOCABULARY, *others),
        seeds=seeds,
        once=names,
        overrides=merged_classes(count),
        last=(FIXED, *names),
    )


OURS, PEER = f"maskformer/maskformer_{NUCLEI}", f"peers/mmdet-maskformer_{NUCLEI}"
SEEDS = (0, 1, 2)
CAMVID_PAIR = (
    f"per_pixel_baseline/per_pixel_baseline_plus_{CAMVID}",
    f"maskformer/maskformer_{CAMVID}",
)
CAMVID_MASK2FORMER = f"mask2former/mask2former_{CAMVID}"
FEW = "few_images/{}_efficientnet-lite0_few_{}"
FEW_CAMVID = FEW.format("maskformer", "camvid-50")
FEW_NUCLEI = FEW.format("mask2former", "dsb2018-instance-50")
FROM_SCRATCH = {
    "model.backbone.init_cfg": None,
    "optim_wrapper.paramwise_cfg.backbone_lr_mult": 1.0,
}
QUESTIONS: dict[str, tuple[Part, ...]] = {
    "vocabulary": (
        _vocabulary(55, MASK2FORMER, seeds=(0, 1)),
        _vocabulary(3, seeds=(0, 1)),
        _vocabulary(22),
        _vocabulary(9),
    ),
    "nuclei": (
        # float32: each host forms its losses in another precision under autocast
        Part("nuclei/pairs", (OURS, PEER), SEEDS, amp=False, initial=PEER),
        Part("nuclei/own", (OURS,), SEEDS, amp=False),
        Part("nuclei/panoptic", (f"{NUCLEI_MASK2FORMER}-panoptic",)),
        Part("nuclei/instance", (f"{NUCLEI_MASK2FORMER}-instance",)),
    ),
    "camvid": (
        Part(
            "camvid/pretrained",
            (
                *CAMVID_PAIR,
                *(
                    f"peers/mmseg-{name}_{CAMVID}"
                    for name in ("deeplabv3plus", "upernet", "maskformer")
                ),
                CAMVID_MASK2FORMER,
            ),
            SEEDS,
            once=(Path(CAMVID_MASK2FORMER).name,),
            multi_scale=True,
        ),
    ),
    "scratch": (Part("camvid/scratch", CAMVID_PAIR, overrides=FROM_SCRATCH),),
    "few": (
        Part(
            "few/camvid",
            (FEW_CAMVID, "maskformer/maskformer_r18_1xb4-4k_camvid-256x256"),
            seeds=(0, 1),
            like=FEW_CAMVID,
        ),
        Part(
            "few/nuclei",
            (FEW_NUCLEI, "mask2former/mask2former_r18_1xb4-5k_dsb2018-instance"),
            seeds=(0, 1),
            like=FEW_NUCLEI,
        ),
    ),
}
