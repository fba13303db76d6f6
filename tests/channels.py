"""Rendered scenes as files of other channels and bits, and configs that read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from mmengine.config import Config
from PIL import Image

from mmseg_maskformer.datasets.palette import class_palette
from mmseg_maskformer.datasets.scenes.classes import class_names
from mmseg_maskformer.datasets.scenes.rendering import SceneRenderer
from tests.conftest import REPOSITORY

LEAF = REPOSITORY / "configs/demo/maskformer_tiny_scenes.py"
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]  # of the base config
SIZE = 64


def stored(image: np.ndarray, kind: str) -> np.ndarray:
    """(H, W, C) of a scene, red first, as a file of that kind holds it."""
    if kind == "16 bits":
        return image.astype(np.uint16) * 257
    channels = int(kind.split()[0])
    if channels < 3:
        return image[..., :channels]
    return image[..., np.arange(channels) % 3]


def write_scenes(folder: Path, kind: str, count: int = 2) -> None:
    """`count` scenes below `folder`, images as TIFF and label maps as PNG."""
    renderer = SceneRenderer(size=(SIZE, SIZE))
    for name in ("images", "annotations"):
        (folder / name).mkdir(parents=True)
    for index in range(count):
        scene = renderer.render(0, index)
        pixels = stored(scene.image, kind)
        path = folder / "images" / f"{index}.tif"
        planes = dict(planarconfig="separate") if pixels.shape[2] > 1 else {}
        pixels = pixels.transpose(2, 0, 1)
        tifffile.imwrite(path, pixels, photometric="minisblack", **planes)
        labels = Image.fromarray(scene.semantic.astype(np.uint8))
        labels.save(folder / "annotations" / f"{index}.png")


def config_of(folder: Path, channels: int, work_dir: Path) -> Config:
    """Two iterations of the demo's model on such a folder, and one evaluation."""
    config = Config.fromfile(LEAF)
    load = dict(color_type="color" if channels == 3 else "unchanged")
    labels = dict(type="mmseg_maskformer.LoadLabelMap")
    pack = dict(type="PackSegInputs")
    resize = dict(type="mmseg_maskformer.ResizeWithLabels", scale=(SIZE, SIZE))
    pipelines = dict(
        train=[
            dict(type="mmseg_maskformer.LoadImage", **load),
            labels,
            dict(
                type="RandomChoiceResize",
                scales=[(80, 80)],
                resize_type="mmseg_maskformer.ResizeWithLabels",
                keep_ratio=True,
            ),
            dict(type="RandomCrop", crop_size=(SIZE, SIZE)),
            dict(type="RandomFlip", prob=0.5),
            pack,
        ],
        test=[
            dict(type="LoadImageFromFile", _scope_="mmseg_maskformer", **load),
            resize,
            labels,
            pack,
        ],
    )
    dataset = dict(
        type="mmseg_maskformer.LabelMapDataset",
        data_root=str(folder),
        data_prefix=dict(img_path="images", seg_map_path="annotations"),
        metainfo=dict(classes=class_names(6, 6), palette=class_palette(12)),
        img_suffix=".tif",
        serialize_data=False,
    )
    loader = dict(batch_size=2, num_workers=0, persistent_workers=False)
    for split in ("train", "val", "test"):
        pipeline = pipelines["train" if split == "train" else "test"]
        sampler = config[f"{split}_dataloader"].sampler
        config[f"{split}_dataloader"] = dict(
            **loader, sampler=sampler, dataset=dict(dataset, pipeline=pipeline)
        )
    config.test_pipeline = pipelines["test"]
    config.tta_pipeline = [
        dict(type="mmseg_maskformer.LoadImage", **load),
        config.tta_pipeline[0],
    ]
    views = config.tta_pipeline[1].transforms
    views[0] = views[0][:2]
    views.insert(2, [labels])
    colours = np.arange(channels) % 3
    config.model.data_preprocessor.update(
        type="mmseg_maskformer.SegPreprocessor",
        mean=[MEAN[x] for x in colours],
        std=[STD[x] for x in colours],
    )
    config.model.backbone.in_channels = channels
    config.train_cfg.update(max_iters=2, val_interval=2)
    config.param_scheduler[-1].end = 3
    config.default_hooks.visualization = dict(
        type="mmseg_maskformer.VisualizationHook", draw=True
    )
    config.visualizer.name = str(work_dir)
    config.work_dir = str(work_dir)
    return config
