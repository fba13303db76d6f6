"""Choose the thresholds of a rule on one half of the validation images.

python tools/analysis/thresholds.py CONFIG CHECKPOINT --out thresholds

runs the model once and scores every pair of object_mask_thr and iou_thr on both halves
(images are dealt out by turns). The best pair of one half is reported with its score on
the other, beside that of the config's own pair: a choice flatters the images that it
was made on. Writes thresholds.csv, thresholds.png and config.py, which inherits CONFIG
and has the best pair of half 0 and what --cfg-options say.

Of instances (--task instance, and models without stuff) it does so with score_thr: the
best has the highest F1 of all classes together, matched as COCO does at a mask IoU of
0.5. The picture has precision, recall and F1 by score_thr.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from mmseg_maskformer.adapters.panoptic_options import PanopticOptions  # noqa: E402
from mmseg_maskformer.engine.arguments import output_folder  # noqa: E402
from mmseg_maskformer.engine.config_files import bases  # noqa: E402
from mmseg_maskformer.engine.evaluation import evaluate_validation  # noqa: E402
from mmseg_maskformer.engine.launch import add_runner_arguments, load_config  # noqa: E402
from mmseg_maskformer.engine.runners import evaluating_runner  # noqa: E402
from query_lib.settings import alone, score_settings  # noqa: E402
from query_lib.trained import require_head  # noqa: E402
from shared.ending import ending_in_sentences  # noqa: E402
from shared.output import markdown_table, write_csv  # noqa: E402

KEYS = ("object_mask_thr", "iou_thr")
# metrics of results that no threshold changes
OF_OTHER_RESULTS = ("IoUMetric", "SemSegMetric", "CocoMetric", "ThingAP")
Pair = tuple[float, ...]  # of KEYS, or score_thr alone
STEPS = [step / 100 for step in range(100)]  # of score_thr


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config file of a MaskFormerDetector")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "--out", type=output_folder, default="thresholds", help="folder"
    )
    steps = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    for key in KEYS:
        option = f"--{key.replace('_', '-')}"
        parser.add_argument(option, type=float, nargs="+", default=steps)
    parser.add_argument(
        "--metric", help="what panoptic thresholds are to make high; default: PQ"
    )
    parser.add_argument(
        "--task",
        choices=("panoptic", "instance"),
        help="whose thresholds; default: panoptic where there is stuff",
    )
    add_runner_arguments(parser)
    return parser.parse_args()


def scores_of_pairs(
    runner: Runner, pairs: list[Pair], metric: str
) -> dict[Pair, list[float]]:
    """The metric of every pair on the two halves.

    Raises:
        ValueError: There is no such metric of panoptic results.
    """

    def require(found: dict[str, float]) -> None:
        if metric not in found:
            raise ValueError(f"--metric {metric}: the config has {', '.join(found)}.")

    metrics = runner.test_evaluator.metrics
    metrics[:] = [x for x in metrics if type(x).__name__ not in OF_OTHER_RESULTS]
    if not metrics:
        raise ValueError(
            "No metric of val_evaluator is of panoptic results: write mmseg_maskformer."
            "PanopticQuality into it, or choose score_thr by --task instance."
        )
    first, *others = (
        alone("panoptic") | dict(zip(KEYS, pair, strict=True)) for pair in pairs
    )
    found = score_settings(runner, first, lambda _: others, parts=2, check=require)
    return {
        pair: [half[metric] for half in halves]
        for pair, halves in zip(pairs, found, strict=True)
    }


def chosen(scores: dict[Pair, list[float]], half: int) -> Pair:
    """The best pair of a half; of equal ones the first."""
    return max(scores, key=lambda pair: scores[pair][half])


def print_choices(
    scores: dict[Pair, list[float]], own: Pair, metric: str, keys: Sequence[str] = KEYS
) -> None:
    """A table in Markdown: what a choice on one half is worth on the other."""
    best = {f"best of half {half}": chosen(scores, half) for half in (0, 1)}
    rows = (
        (name, *pair, *(f"{x:.2f}" for x in scores[pair]))
        for name, pair in {**best, "the config's": own}.items()
    )
    halves = (f"{metric} of half {half}" for half in (0, 1))
    print(markdown_table(("", *keys, *halves), rows))


def save_chart(scores: dict[Pair, list[float]], path: Path, metric: str) -> None:
    """Both halves as pictures."""
    rows, columns = (sorted(set(x)) for x in zip(*scores, strict=True))
    figure, panels = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    for half, axes in enumerate(panels):
        values = np.array([[scores[r, c][half] for c in columns] for r in rows])
        axes.imshow(values, cmap="Blues", origin="lower")
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), rows)
        axes.set(xlabel=KEYS[1], ylabel=KEYS[0], title=f"{metric}, half {half}")
        for (row, column), value in np.ndenumerate(values):
            shade = "white" if value > (values.min() + values.max()) / 2 else "black"
            text = dict(ha="center", va="center", fontsize="x-small", color=shade)
            axes.text(column, row, f"{value:.1f}", **text)
    figure.savefig(path, dpi=100)


def require_other_file(config: str, written: Path) -> None:
    """Stop where a config that inherits another would take its place."""
    read = {Path(file).resolve() for file in (config, *bases(config))}
    if written.resolve() in read:
        raise SystemExit(
            f"{written} is read by {config}, and would inherit it; name another folder "
            "with --out."
        )


def overridden(config: Config, base: str, options: Iterable[str]) -> dict[str, Any]:
    """What a config that inherits ``base`` must set to have these options, too.

    Args:
        config: has them.
        base: its file, which has not.
        options: their keys, such as "model.test_cfg.panoptic_rule".
    """
    whole, inherited = config.to_dict(), Config.fromfile(base)
    found = {name: whole[name] for name in {key.partition(".")[0] for key in options}}
    for name, value in found.items():
        if isinstance(value, dict) and isinstance(inherited.get(name), dict):
            found[name] = {**value, "_delete_": True}
    return found


def write_config(
    path: Path, base: str, thresholds: dict[str, float], settings: dict[str, Any]
) -> None:
    """A config that inherits another and has these settings and thresholds."""
    model = settings.get("model", {})
    found = dict(model.get("test_cfg") or {}, **thresholds)
    changes = dict(settings, model=dict(model, test_cfg=found))
    inherited = f"_base_ = {str(Path(base).resolve())!r}\n\n"
    path.write_text(inherited + Config(changes).pretty_text, encoding="utf-8")


def choose_pair(
    runner: Runner, options: PanopticOptions, args: argparse.Namespace
) -> dict[str, float]:
    """The best thresholds of the panoptic rule; writes table and picture."""
    if not runner.model.num_stuff_classes:
        raise ValueError(
            f"{args.config} has no stuff, and thus no panoptic results; leave --task "
            "panoptic out to choose score_thr of its instances."
        )
    metric = args.metric or "PQ"
    own: Pair = (options.object_mask_thr, options.iou_thr)
    grid: list[Pair] = [*itertools.product(args.object_mask_thr, args.iou_thr)]
    pairs = [own, *(pair for pair in grid if pair != own)]
    scores = scores_of_pairs(runner, pairs, metric)
    rows = [
        dict(zip((*KEYS, "half 0", "half 1"), (*pair, *halves), strict=True))
        for pair, halves in scores.items()
    ]
    write_csv(args.out / "thresholds.csv", rows)
    print_choices(scores, own, metric)
    pairs_of_chart = {pair: scores[pair] for pair in grid}
    save_chart(pairs_of_chart, args.out / "thresholds.png", metric)
    return dict(zip(KEYS, chosen(scores, 0), strict=True))


def choose_score(
    runner: Runner, options: PanopticOptions, args: argparse.Namespace
) -> dict[str, float]:
    """The best threshold of instances; writes table and picture."""
    from query_lib.score_curve import matches_of_halves  # with mmdet

    halves = matches_of_halves(runner)
    own = options.score_thr
    values = {x: [half.at(x) for half in halves] for x in sorted({*STEPS, own})}
    rows = [
        {"score_thr": x}
        | {f"{key} of half {k}": y for k in (0, 1) for key, y in found[k].items()}
        for x, found in values.items()
    ]
    write_csv(args.out / "thresholds.csv", rows)
    scores: dict[Pair, list[float]] = {
        (x,): [half["F1"] for half in found] for x, found in values.items()
    }
    print_choices(scores, (own,), "F1", keys=["score_thr"])
    save_curves(values, scores, args.out / "thresholds.png")
    return {"score_thr": chosen(scores, 0)[0]}


def save_curves(
    values: dict[float, list[dict[str, float]]],
    scores: dict[Pair, list[float]],
    path: Path,
) -> None:
    """Precision, recall and F1 of both halves by score_thr, with the best marked."""
    figure, panels = plt.subplots(
        1, 2, figsize=(8, 3.6), layout="constrained", sharey=True
    )
    for half, axes in enumerate(panels):
        for key in ("precision", "recall", "F1"):
            curve = [found[half][key] for found in values.values()]
            axes.plot([*values], curve, label=key)
        axes.axvline(*chosen(scores, half), color="grey", linestyle="dotted")
        axes.set(xlabel="score_thr", title=f"half {half}, %")
    panels[0].legend()
    figure.savefig(path, dpi=100)


@ending_in_sentences()
def main() -> None:
    """Evaluate, choose, write."""
    args = parse_args()
    config = load_config(args)
    require_other_file(args.config, args.out / "config.py")
    given = overridden(config, args.config, args.cfg_options)
    evaluate_validation(config)
    config.test_evaluator = config.val_evaluator
    runner = evaluating_runner(config, args.checkpoint)
    require_head(runner.model, args.config)
    if not hasattr(runner.model, "num_things_classes"):
        raise ValueError(f"{args.config} is no panoptic model; it has no thresholds.")
    task = args.task or ("panoptic" if runner.model.num_stuff_classes else "instance")
    if task == "instance" and args.metric:
        raise ValueError(f"--metric {args.metric} is of --task panoptic; leave it out.")
    options = PanopticOptions.read(runner.model.test_cfg)
    best = (choose_pair if task == "panoptic" else choose_score)(runner, options, args)
    write_config(args.out / "config.py", args.config, best, given)
    print(f"Table, picture and config.py (chosen on half 0): {args.out}")


if __name__ == "__main__":
    main()
