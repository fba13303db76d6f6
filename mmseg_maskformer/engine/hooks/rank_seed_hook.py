"""Random numbers that differ between the processes of a training."""

from __future__ import annotations

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner, set_random_seed


class RankSeedHook(Hook):
    """Seeds every process but the first anew when a training begins.

    mmengine gives all processes one seed, so that dropout, drop path and sampled points
    are the same on every GPU. Here the seed of a process is the runner's plus its rank.
    The first weights and the order of images stay those of the runner's seed, which the
    runner's own ``diff_rank_seed`` would change; one process alone is left as it is.
    """

    def before_train(self, runner: Runner) -> None:
        """Seed Python, NumPy and torch by rank."""
        if get_rank() > 0:
            set_random_seed(runner.seed + get_rank())
