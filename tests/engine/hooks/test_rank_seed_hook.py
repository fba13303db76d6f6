"""Processes draw other random numbers, the first those of the runner's seed."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmseg_maskformer.engine.hooks import rank_seed_hook


@pytest.mark.parametrize(("rank", "seed"), [(0, 7), (2, 9)])  # 7 + 2 = 9
def test_numbers_are_those_of_seed_and_rank(rank, seed, monkeypatch):
    monkeypatch.setattr(rank_seed_hook, "get_rank", lambda: rank)
    rank_seed_hook.set_random_seed(7)
    rank_seed_hook.RankSeedHook().before_train(SimpleNamespace(seed=7))
    assert random.random() == random.Random(seed).random()
    assert np.random.rand() == np.random.RandomState(seed).rand()
    assert torch.rand(()) == torch.rand(
        (), generator=torch.Generator().manual_seed(seed)
    )
