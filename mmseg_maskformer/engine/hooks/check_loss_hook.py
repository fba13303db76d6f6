"""Training that has diverged ends, and its checkpoints stay usable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmseg_maskformer.core.argument_checks import check_counts


class Seen(NamedTuple):
    """A loss that nobody has looked at yet."""

    iteration: int
    loss: Tensor
    images: list[str]


class CheckLossHook(Hook):
    """Stops at a loss that is infinite or not a number, and names its images.

    Losses are looked at together, every ``interval`` iterations and before a checkpoint
    is written, so that no iteration waits for the device. Weights that are not finite
    are not written.

    Args:
        interval: iterations between two looks.

    Raises:
        FloatingPointError: A loss or a weight was not finite.
    """

    def __init__(self, interval: int = 50) -> None:
        check_counts(**{"CheckLossHook.interval": interval})
        self.interval = interval
        self._seen: list[Seen] = []

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Remember the loss; look at all of them, of all processes, when it is time."""
        loss = (outputs or {}).get("loss")
        if isinstance(loss, Tensor):
            images = _images(data_batch)
            self._seen.append(Seen(runner.iter + 1, loss.detach(), images))
        last = runner.iter + 1 >= runner.max_iters
        if last or self.every_n_train_iters(runner, self.interval):
            found = [x for x in all_gather_object(self._first_wrong()) if x]
            if found:  # gradients carry it from one process to all others
                raise _error(min(found))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Look at this process's losses, and at the weights that are to be saved."""
        found = self._first_wrong()
        if found:
            raise _error(found)
        for name, weight in checkpoint.get("state_dict", {}).items():
            if not all(map(_is_finite, _parts(weight))):
                raise FloatingPointError(
                    f"{name} is not finite after iteration {runner.iter + 1}, though "
                    f"the losses before were. No checkpoint is written. {_REMEDY}"
                )

    def _first_wrong(self) -> tuple[int, float, list[str]] | None:
        """Iteration, loss and images of the first that is not finite."""
        seen, self._seen = self._seen, []
        if not seen:
            return None
        wrong = (~torch.stack([x.loss for x in seen]).isfinite()).nonzero()
        if not len(wrong):
            return None
        first = seen[int(wrong[0])]
        return first.iteration, first.loss.item(), first.images


def _parts(weight: Any) -> list[Tensor]:
    """What this process holds of a weight that may be sharded."""
    if hasattr(weight, "local_shards"):
        return [shard.tensor for shard in weight.local_shards()]
    return [weight]


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())


_REMEDY = (
    "Correct labels and a smaller optim_wrapper.clip_grad.max_norm take effect with "
    "--resume; another learning rate or warm-up needs a new training, which load_from "
    "lets start from a checkpoint of this one."
)


def _error(found: tuple[int, float, list[str]]) -> FloatingPointError:
    iteration, loss, images = found
    return FloatingPointError(
        f"The loss of iteration {iteration} is {loss}; its images are "
        f"{', '.join(images) or 'not known'}. {_REMEDY}"
    )


def _images(batch: Any) -> list[str]:
    """Paths of a batch's images, as far as it has any."""
    samples = batch.get("data_samples") if isinstance(batch, Mapping) else None
    metas = [getattr(sample, "metainfo", {}) for sample in samples or ()]
    return [meta["img_path"] for meta in metas if "img_path" in meta]
