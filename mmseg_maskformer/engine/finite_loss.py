"""Training that has diverged ends, before it overwrites good checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor


class CheckLossHook(Hook):
    """Stops at a loss that is infinite or not a number, and names its images.

    Losses are looked at together, every ``interval`` iterations, so that no iteration
    waits for the device; the first wrong one is reported. Checkpoints are written after
    the look where ``interval`` divides theirs.

    Args:
        interval: iterations between two looks.

    Raises:
        FloatingPointError: A loss was not finite.
    """

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self._seen: list[tuple[int, Tensor, list[str]]] = []

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Remember the loss; look at all of them when it is time."""
        loss = (outputs or {}).get("loss")
        if isinstance(loss, Tensor):
            images = _images((data_batch or {}).get("data_samples", ()))
            self._seen.append((runner.iter + 1, loss.detach(), images))
        last = runner.iter + 1 >= runner.max_iters
        if self._seen and (last or self.every_n_train_iters(runner, self.interval)):
            self._look(runner)

    def _look(self, runner: Runner) -> None:
        losses = torch.stack([loss for _, loss, _ in self._seen])
        wrong = (~losses.isfinite()).nonzero().flatten().tolist()
        if wrong:
            iteration, loss, images = self._seen[wrong[0]]
            raise FloatingPointError(
                f"The loss of iteration {iteration} is {loss.item()}; its images are "
                f"{', '.join(images)}. Look at their labels; lower the learning rate, "
                "lengthen the warm-up, or give optim_wrapper.clip_grad a smaller "
                f"max_norm, and --resume from a checkpoint in {runner.work_dir}."
            )
        self._seen.clear()


def _images(samples: Sequence[Any]) -> list[str]:
    """Paths of a batch's images, as far as they have any."""
    return [x.metainfo.get("img_path", "an unnamed image") for x in samples]
