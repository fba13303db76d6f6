"""Batches of a panoptic or instance config, from its own data and pipelines."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS

Batch = dict[str, list]


def validation_batch(config: Config) -> Batch:
    """The first validation image."""
    return pseudo_collate([_dataset(config.val_dataloader)[0]])


def training_batch(config: Config) -> Batch:
    """The first training images with their segments, as many as the config's batch.

    Crops and flips are drawn from seed 0: equal pipelines give equal batches.
    """
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    dataset = _dataset(config.train_dataloader)
    count = config.train_dataloader.batch_size
    samples = (dataset[index % len(dataset)] for index in range(count))
    return pseudo_collate(list(samples))


def _dataset(loader: Any) -> Any:
    return DATASETS.build(loader.dataset)
