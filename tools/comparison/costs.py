"""What the model of a config costs: parameters, FLOPs, time and memory."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.model import BaseModel
from mmengine.registry import DATASETS
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

from benchmark_lib import measure
from benchmark_lib.complexity import (
    input_sizes,
    mean_complexity,
    measure_complexity,
)
from benchmark_lib.inputs import Settings, label_maps
from mmseg_maskformer.engine.models import untrained_model
from mmseg_maskformer.registry import type_name
from shared.progress import quiet_host

from .description import crop_size
from .jobs import read_job, store_part
from .kinds import SEMANTIC, kind_of

REPEATS = 7
FLOPS_IMAGES = 100  # of the validation set, as the paper counts on COCO
SEGMENTS = 9  # of a training image: about the mean of ADE20K
PRECISIONS = {"AmpOptimWrapper": "float16", "BFloat16OptimWrapper": "bfloat16"}


def run_costs(folder: Path) -> None:
    """Measure the config of a job's folder; its result gets the part "costs"."""
    with quiet_host():
        found = measure_costs(Config.fromfile(folder / "config.py"), REPEATS)
    store_part(folder, read_job(folder), "costs", found)


def measure_costs(config: Config, repeats: int) -> dict[str, Any]:
    """Measure a config's model with random weights on the device of this process."""
    device = torch.device(get_device())
    torch.manual_seed(0)
    model = untrained_model(config).to(device)
    semantic = kind_of(config) is SEMANTIC
    if semantic:
        crop = crop_size(config)
        one, several = test_batch(config, crop), training_batch(config, crop)
    else:
        one, several = detector_batches(config)
    sizes = [] if semantic else input_sizes(config, model, FLOPS_IMAGES)
    complexity = (
        mean_complexity(model, sizes)
        if sizes
        else measure_complexity(model, crop_size(config))
    )
    inference = measure.Variant("inference", lambda: infer(model, one))
    times = measure.alternate([inference], repeats, device, warmup=2)
    precision = training_precision(config)
    step = training_step(model, several, device, precision)
    return dict(
        parameters=complexity.parameters,
        multiply_adds=complexity.total,
        flops_images=len(sizes),
        seconds=[wall for wall, _ in times["inference"]],
        inference_bytes=measure.memory(inference, device)["peak"],
        training_bytes=measure.memory(step, device)["peak"],
        test_size=list(one["inputs"][0].shape[-2:]),
        machine=machine(device),
        precision=f", in {precision}".replace("torch.", "") if precision else "",
    )


def infer(model: BaseModel, batch: dict[str, list]) -> Tensor:
    """Predict the first image as an evaluation does; its label map, if it has one."""
    with torch.no_grad():
        (sample,) = model.eval().test_step(dict(batch))
    labels = sample.get("pred_sem_seg")
    return torch.zeros(0) if labels is None or "data" not in labels else labels.data


def training_step(
    model: BaseModel,
    batch: dict[str, list],
    device: torch.device,
    precision: torch.dtype | None,
) -> measure.Variant:
    """The sum of a config's losses, to be differentiated."""

    def loss() -> Tensor:
        data = model.train().data_preprocessor(dict(batch), True)
        low = precision or torch.bfloat16
        with torch.autocast(device.type, dtype=low, enabled=precision is not None):
            return model.parse_losses(model(**data, mode="loss"))[0]

    return measure.Variant("training step", loss, leaves=list(model.parameters()))


def training_precision(config: Config) -> torch.dtype | None:
    """What the config trains in; None is float32."""
    wrapper = config.optim_wrapper
    kind = type_name(wrapper)
    if kind not in PRECISIONS:
        return None
    return getattr(torch, wrapper.get("dtype") or PRECISIONS[kind])


def test_batch(config: Config, crop: tuple[int, int]) -> dict[str, list]:
    """The first validation image, or noise of the crop's size without the data."""
    settings = config.val_dataloader.dataset
    listed = Path(settings.get("data_root") or "", settings.get("ann_file", ""))
    try:
        dataset = DATASETS.build(settings)
    except (FileNotFoundError, AssertionError) as error:
        if isinstance(error, AssertionError) and listed.exists():
            raise  # of the settings; some of the host's sets assert that there are data
        return pseudo_collate([_sample(crop, torch.zeros(crop, dtype=torch.long))])
    return pseudo_collate([dataset[0]])


def training_batch(config: Config, crop: tuple[int, int]) -> dict[str, list]:
    """Noise with label maps of nine regions, the same for every method."""
    classes = config.model.decode_head.num_classes
    settings = Settings(
        size=crop,
        batch=config.train_dataloader.batch_size,
        classes=classes,
        segments=min(SEGMENTS, classes),
        queries=0,
        layers=0,
        device=torch.device("cpu"),
        amp=None,
        seed=0,
        kept=0,
    )
    return pseudo_collate([_sample(crop, labels) for labels in label_maps(settings)])


def detector_batches(config: Config) -> tuple[dict[str, list], dict[str, list]]:
    """An image to predict and images to train on, of a panoptic or instance config.

    From its own data and pipelines. Crops and flips are drawn from seed 0: equal
    pipelines give equal batches.
    """
    one = pseudo_collate([DATASETS.build(config.val_dataloader.dataset)[0]])
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    dataset = DATASETS.build(config.train_dataloader.dataset)
    count = config.train_dataloader.batch_size
    samples = [dataset[index % len(dataset)] for index in range(count)]
    return one, pseudo_collate(samples)


def _sample(size: tuple[int, int], labels: Tensor) -> dict[str, Any]:
    """What a pipeline packs."""
    image = torch.randint(256, (3, *size), dtype=torch.uint8)
    meta = dict(img_shape=size, ori_shape=size, pad_shape=size, img_path="noise")
    sample = SegDataSample(metainfo=meta)
    sample.gt_sem_seg = PixelData(data=labels[None])
    return dict(inputs=image, data_samples=sample)


def machine(device: torch.device) -> str:
    """Device, threads and PyTorch."""
    name = f"{torch.get_num_threads()} of {os.cpu_count()} CPU cores"
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    return f"{name}, PyTorch {torch.__version__.partition('+')[0]}"
