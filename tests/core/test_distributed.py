"""Two processes (gloo) against one process on the joint batch."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.decoders import TransformerDecoder
from mmseg_maskformer.core.maskformer import MaskFormer
from mmseg_maskformer.core.pixel_decoders import FPNPixelDecoder
from tests import cases

TIMEOUT = datetime.timedelta(seconds=60)
SPLITS = {
    "both ranks": [4, 2, 3, 1],
    "a rank without a segment": [5, 2, 0, 0],
    "one segment in all": [1, 0, 0, 0],
}


def joint_case(segments):
    """Four images; rank 0 has the first two, rank 1 the others."""
    return cases.random_case(segments, num_layers=2, num_queries=8, seed=11)


def part(case, rank):
    """Logits as leaves, and the targets, of one rank's two images."""
    images = slice(2 * rank, 2 * rank + 2)
    logits = (x[:, images].detach().clone().requires_grad_() for x in case[:2])
    return cases.Case(*logits, case.targets[images])


def losses_and_gradients(case):
    predictions = cases.as_predictions(case.class_logits, case.mask_logits)
    losses = SetCriterion()(predictions, cases.as_targets(case.targets))
    mask_total = sum(v for k, v in losses.items() if not k.endswith("cls"))
    class_total = sum(v for k, v in losses.items() if k.endswith("cls"))
    (mask_grad,) = torch.autograd.grad(mask_total, case.mask_logits)
    (class_grad,) = torch.autograd.grad(class_total, case.class_logits)
    return {k: v.detach() for k, v in losses.items()}, mask_grad, class_grad


class TinyModel(nn.Module):
    """A backbone of one convolution a level, and the whole MaskFormer."""

    def __init__(self):
        super().__init__()
        strides = [4, 2, 2, 2]
        widths = [3, 8, 16, 24, 32]
        self.stages = nn.ModuleList(
            nn.Conv2d(a, b, stride, stride)
            for a, b, stride in zip(widths[:-1], widths[1:], strides, strict=True)
        )
        self.maskformer = MaskFormer(
            FPNPixelDecoder(widths[1:], out_channels=32, mask_channels=32),
            TransformerDecoder([32], 8, 2, 32, 4, 64, dropout=0.0),
            num_classes=7,
        )
        self.criterion = SetCriterion()

    def forward(self, images, targets):
        maps = [images]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return self.criterion(self.maskformer(maps[1:]), targets)


def train_two_steps(segments, rank):
    """Two optimiser steps under DDP; returns the parameters."""
    torch.manual_seed(0)
    model = DistributedDataParallel(TinyModel(), find_unused_parameters=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    targets = [
        cases.target(count, 7, (64, 64), seed=b) for b, count in enumerate(segments)
    ]
    mine = slice(2 * rank, 2 * rank + 2)
    for _ in range(2):  # an unused parameter shows in the second forward pass
        losses = model(images[mine], cases.as_targets(targets[mine]))
        optimizer.zero_grad()
        sum(losses.values()).backward()
        assert all(x.grad is not None for x in model.parameters())
        optimizer.step()
    return torch.cat([x.detach().flatten() for x in model.parameters()])


def share(segments):
    """DDP's mean over ranks as a multiple of the loss of the joint batch.

    Ranks divide by max(1, G / 2) and are averaged, the joint batch divides by G: the
    same number unless G / 2 < 1.
    """
    total = sum(segments)
    return total / 2 / max(1, total / 2)


def work(rank, folder):
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    dist.init_process_group(
        "gloo", init_method=store, rank=rank, world_size=2, timeout=TIMEOUT
    )
    found = {}
    for split, segments in SPLITS.items():
        results = losses_and_gradients(part(joint_case(segments), rank))
        found[split] = (*results, train_two_steps(segments, rank))
    torch.save(found, f"{folder}/rank{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of the two ranks found, by split."""
    folder = tmp_path_factory.mktemp("ranks")
    mp.spawn(work, (str(folder),), nprocs=2)
    return [torch.load(Path(folder) / f"rank{rank}.pt") for rank in range(2)]


@pytest.fixture(params=SPLITS)
def results(request, ranks):
    """The segment counts and what each of the two ranks found."""
    return SPLITS[request.param], [rank[request.param] for rank in ranks]


def test_mask_losses_equal_one_process_on_the_joint_batch(results):
    segments, ranks = results
    joint, _, _ = losses_and_gradients(part_of_all(segments))
    for name, value in joint.items():
        if name.endswith("cls"):
            continue
        mean = (ranks[0][0][name] + ranks[1][0][name]) / 2  # as DDP averages
        wanted = share(segments) * float(value)
        assert float(mean) == pytest.approx(wanted, rel=1e-5), name
        assert float(value) > 0


def part_of_all(segments):
    case = joint_case(segments)
    return cases.Case(*(x.detach().requires_grad_() for x in case[:2]), case.targets)


def test_mask_gradients_equal_one_process_on_the_joint_batch(results):
    segments, ranks = results
    _, wanted, _ = losses_and_gradients(part_of_all(segments))
    found = torch.cat([rank[1] for rank in ranks], dim=1) / 2
    torch.testing.assert_close(found, share(segments) * wanted, rtol=1e-5, atol=1e-9)
    assert wanted.abs().max() > 0


def test_class_term_is_normalised_per_rank(results):
    segments, ranks = results
    _, _, joint = losses_and_gradients(part_of_all(segments))
    weights = [normaliser(segments[:2]), normaliser(segments[2:])]
    for rank, weight in enumerate(weights):
        mine = joint[:, 2 * rank : 2 * rank + 2]
        # the joint batch divides by the sum of both ranks' query weights
        torch.testing.assert_close(
            ranks[rank][2] * weight / sum(weights), mine, rtol=1e-4, atol=1e-9
        )


def normaliser(segments):
    """Sum of the query weights: 1 for a matched query, 0.1 for another, of 8."""
    return sum(count + 0.1 * (8 - count) for count in segments)


def test_ranks_stay_equal_without_unused_parameters(results):
    _, ranks = results
    assert torch.equal(ranks[0][3], ranks[1][3])
    assert torch.isfinite(ranks[0][3]).all()
