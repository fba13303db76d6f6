"""Mask2Former in two processes (gloo) against one process on the joint batch."""

from __future__ import annotations

import datetime
from itertools import product
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.deformable import MSDeformAttnPixelDecoder
from mmseg_maskformer.core.losses import BCEMaskLoss
from mmseg_maskformer.core.mask_comparison import DenseMasks, PointMasks
from mmseg_maskformer.core.masked_decoder import MaskedTransformerDecoder
from mmseg_maskformer.core.maskformer import MaskFormer
from tests import cases

TIMEOUT = datetime.timedelta(seconds=60)
SPLITS = {  # segments of four images; rank 0 has the first two, rank 1 the others
    "both ranks": (3, 1, 2, 2),
    "a rank without a segment": (3, 2, 0, 0),
    "no segment": (0, 0, 0, 0),
}
ATTENTION, MASKS = ("masked", "plain"), (PointMasks, DenseMasks)
RUNS = list(product(SPLITS, ATTENTION, MASKS))


class SamePoints(PointMasks):
    """The same points for every image, whichever process has it."""

    def random_points(self, shape, like):
        generator = torch.Generator().manual_seed(0)
        return torch.rand(*shape, 2, generator=generator, dtype=like.dtype)


class Model(nn.Module):
    """A backbone of one convolution a level, and a whole Mask2Former, in float64."""

    def __init__(self, attention, masks):
        super().__init__()
        torch.manual_seed(0)
        widths = [3, 8, 16, 24, 32]
        self.stages = nn.ModuleList(
            nn.Conv2d(a, b, stride, stride)
            for a, b, stride in zip(widths[:-1], widths[1:], [4, 2, 2, 2], strict=True)
        )
        pixels = dict(embed_dim=32, mask_channels=32, num_layers=1, num_heads=4)
        queries = dict(num_queries=8, num_layers=3, embed_dim=32, num_heads=4)
        self.network = MaskFormer(
            MSDeformAttnPixelDecoder(widths[1:], ffn_dim=16, **pixels),
            MaskedTransformerDecoder(
                3 * [32], ffn_dim=16, attention=attention, **queries
            ),
            num_classes=7,
        )
        compared = SamePoints(40) if masks is PointMasks else DenseMasks()
        self.criterion = SetCriterion(loss_mask=BCEMaskLoss(), masks=compared)
        self.double()

    def forward(self, images, targets):
        maps = [images]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return self.criterion(self.network(maps[1:]), targets)


def batch(segments, images=slice(None)):
    """Images of 64 x 64 pixels and their targets."""
    drawn = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    targets = [cases.target(n, 7, (64, 64), seed=b) for b, n in enumerate(segments)]
    return drawn[images].double(), cases.as_targets(targets[images])


def losses_and_gradients(model, given):
    """Losses by name, and one vector of the gradients of all parameters."""
    model.zero_grad()
    losses = model(*given)
    sum(losses.values()).backward()
    missing = [name for name, x in model.named_parameters() if x.grad is None]
    assert missing == []
    gradients = torch.cat([x.grad.flatten() for x in model.parameters()])
    return {name: x.detach() for name, x in losses.items()}, gradients


def work(rank, folder):
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    dist.init_process_group(
        "gloo", init_method=store, rank=rank, world_size=2, timeout=TIMEOUT
    )
    found = []
    for split, *kind in RUNS:
        model = DistributedDataParallel(Model(*kind))
        given = batch(SPLITS[split], slice(2 * rank, 2 * rank + 2))
        found.append(losses_and_gradients(model, given))
        losses_and_gradients(model, given)  # which tells an unused parameter
    torch.save(found, f"{folder}/rank{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of the two ranks found, by run."""
    folder = tmp_path_factory.mktemp("ranks")
    mp.spawn(work, (str(folder),), nprocs=2)
    saved = [torch.load(Path(folder) / f"rank{rank}.pt") for rank in range(2)]
    return {run: (saved[0][i], saved[1][i]) for i, run in enumerate(RUNS)}


@pytest.mark.parametrize("masks", MASKS, ids=lambda x: x.__name__)
@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("split", SPLITS)
def test_two_processes_equal_one(split, attention, masks, ranks):
    first, second = ranks[split, attention, masks]
    assert torch.equal(first[1], second[1])  # averaged
    assert first[1].isfinite().all()
    losses, gradients = losses_and_gradients(
        Model(attention, masks), batch(SPLITS[split])
    )
    assert len(losses) == 12
    for name, value in losses.items():
        mean = (first[0][name] + second[0][name]) / 2
        if split == "both ranks" or "cls" not in name:
            assert mean.item() == pytest.approx(value.item(), rel=1e-6), name
        assert (value > 0) == (split != "no segment" or "cls" in name)
    # the class term is a mean over the queries of a process, each by its weight
    if split != "a rank without a segment":
        gap = (first[1] - gradients).abs().max() / gradients.abs().max()
        assert gap < 1e-6
