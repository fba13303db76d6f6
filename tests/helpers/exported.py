"""Small models of both families with config, weights and images, and their exports."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from mmseg_maskformer.engine.models import trained_model, untrained_model
from tests.helpers.export import MASKED, small
from tests.scripts import run_script
from tests.weights import randomise

BACKBONE = dict(_delete_=True, type="ResNet", depth=18, base_channels=8)
# heights and widths of the files; the pipeline makes them 96 x 137, 48 x 160, 144 x 96
FILES = dict(a=(75, 107), b=(60, 200), c=(90, 60))


class Case(NamedTuple):
    """A model in files, and the model itself."""

    folder: Any
    config: Any
    model: torch.nn.Module

    @property
    def files(self):
        return self.folder / "config.py", self.folder / "weights.pth"

    @property
    def images(self):
        return [self.folder / "images" / f"{name}.png" for name in FILES]

    def export(self, *arguments):
        """Run the tool; what it wrote is in ``out``."""
        out, images = self.folder / "out", self.folder / "images"
        with pytest.MonkeyPatch.context() as monkeypatch:
            command = (*self.files, "--out", out, "--images", images, *arguments)
            run_script(monkeypatch, "export.py", *command)
        return out


def settings(task, masked):
    """The config of a small model; images are resized by the rules of the paper."""
    config = small(task, BACKBONE, {})
    config.model.decode_head.in_channels = [8, 16, 32, 64]
    if masked:
        network = dict(MASKED)
        network["pixel_decoder"] = MASKED["pixel_decoder"] | dict(num_layers=1)
        config.model.decode_head.network = network
    load = dict(type="LoadImageFromFile", _scope_="mmseg_maskformer")
    resize = dict(
        type="mmseg_maskformer.ResizeWithLabels", scale=(160, 96), keep_ratio=True
    )
    pack = dict(type="PackSegInputs")
    if task != "semantic":
        keys = ("img_path", "ori_shape", "img_shape", "scale_factor", "img_id")
        pack = dict(type="PackDetInputs", meta_keys=keys)
        config.model.test_cfg.update(object_mask_thr=0.4, iou_thr=0.3)
    config.test_pipeline = [load, resize, pack]
    config.test_dataloader.dataset.pipeline = config.test_pipeline
    return config


def spread(model, image, classes=2.0, masks=1.0):
    """Move and scale the heads so that labels differ.

    Of an image, the logits of a class have mean 0 over the queries and deviation
    ``classes``, those of masks mean 0 and deviation ``masks``.
    """
    network = model.decode_head.network
    predict = torch.no_grad()(lambda: model.decode_head(model.extract_feat(image)))
    embed = predict().mask_embed[-1, 0]
    _shift(network.mask_head[-1], embed.mean(0), 1.0)
    _shift(network.mask_head[-1], 0, masks / predict().mask_logits().std())
    logits = predict().class_logits[-1, 0]
    _shift(network.class_head, logits.mean(0), classes / logits.std(0).mean())


def _shift(linear, mean, factor):
    with torch.no_grad():
        linear.bias.sub_(mean).mul_(factor)
        linear.weight.mul_(factor)


def make(task, masked, folder):
    """Write config, weights and images of noise in blocks of eight pixels."""
    config = settings(task, masked)
    torch.manual_seed(0)
    model = randomise(untrained_model(config))
    with torch.no_grad():  # attention that is not the mean of all cells
        for parameter in model.decode_head.network.transformer_decoder.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3)
    spread(model, torch.randn(1, 3, 96, 128))
    config.dump(folder / "config.py")
    torch.save(dict(state_dict=model.state_dict()), folder / "weights.pth")
    (folder / "images").mkdir()
    random = np.random.default_rng(0)
    for name, (height, width) in FILES.items():
        cells = random.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3))
        pixels = cells.astype(np.uint8).repeat(8, 0).repeat(8, 1)[:height, :width]
        Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
    found = trained_model(config, str(folder / "weights.pth")).cpu().eval()
    found.cfg = config
    return Case(folder, config, found)
