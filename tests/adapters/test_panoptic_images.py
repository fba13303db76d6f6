"""Images of other channels and bits in MMDetection's training and inference."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")
from mmdet.apis import DetInferencer
from mmdet.registry import MODELS

from tests.checkpoints import models
from tests.helpers.panoptic import SIZE, compact, detector

pytestmark = pytest.mark.mmdet
OURS = "mmseg_maskformer.DetPreprocessor"


def preprocessor(channels, kind=OURS):
    return dict(type=kind, mean=[120.0] * channels, std=[60.0] * channels)


@pytest.fixture(scope="module")
def inferencer_of(tmp_path_factory):
    """The host's inferencer of one of our configs, for images of so many channels."""

    def build(kind, channels):
        name = f"maskformer_r18-6enc_1xb4-5k_dsb2018-{kind}"
        config = Config.fromfile(models.CONFIGS / f"maskformer/{name}.py")
        config.model.backbone.in_channels = channels
        config.model.data_preprocessor.update(preprocessor(channels))
        dataset = config.test_dataloader.dataset
        if channels != 3:
            dataset.pipeline[0].color_type = "unchanged"
        config.visualizer.name = f"{kind} {channels}"
        torch.manual_seed(0)
        init_default_scope("mmdet")
        model = MODELS.build(config.model)
        path = tmp_path_factory.mktemp(kind) / "weights.pth"
        meta = dict(dataset_meta=dict(dataset.metainfo))
        torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
        return DetInferencer(config, str(path), device="cpu", show_progress=False)

    return build


def prepared(inferencer, image):
    """What the model is given, before it is normalised."""
    ((_, batch),) = inferencer.preprocess([image])
    return batch["inputs"][0]


@pytest.mark.parametrize(
    ("kind", "channels"), [("panoptic", 4), ("instance", 1), ("instance", 3)]
)
def test_a_file_its_array_and_its_16_bits_are_one(
    inferencer_of, tmp_path, kind, channels
):
    inferencer = inferencer_of(kind, channels)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (48, 64, channels), dtype=np.uint8)
    colours = pixels[..., ::-1] if channels == 3 else pixels
    path, deep = tmp_path / "a.tif", colours.astype(np.uint16) * 256 + 99
    tifffile.imwrite(path, deep.squeeze(), photometric="rgb" if channels > 2 else None)
    by_path = prepared(inferencer, str(path))
    assert len(by_path) == channels
    assert torch.equal(prepared(inferencer, pixels), by_path)
    deep = prepared(inferencer, pixels.astype(np.uint16) * 256 + 99)
    assert torch.equal(deep, by_path)
    found = inferencer(pixels, return_datasamples=True, return_vis=True)
    side = 384 if kind == "panoptic" else 48  # enlarged for its texts
    assert found["visualization"][0].shape[::2] == (side, 3)


@pytest.mark.parametrize("kind", ["panoptic", "instance"])
def test_arrays_of_other_types_are_refused(inferencer_of, kind):
    inferencer = inferencer_of(kind, 3)
    for dtype in ("bool", "int32", "float32", "float64"):
        message = f"array given as image has numbers of type {dtype}; images have 8 or"
        with pytest.raises(ValueError, match=message):
            inferencer(np.zeros((48, 64, 3), dtype), return_datasamples=True)


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_a_detector_trains_on_other_channels(channels):
    model = detector(
        backbone=dict(in_channels=channels), data_preprocessor=preprocessor(channels)
    )
    image = torch.randint(256, (channels, *SIZE), dtype=torch.uint8)
    optimiser = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3))
    before = model.backbone.conv1.weight.clone()
    batch = dict(inputs=[image], data_samples=[compact()])
    losses = model.train_step(batch, optimiser)
    assert torch.isfinite(losses["loss"])
    moved = (model.backbone.conv1.weight - before).abs().amax(dim=(0, 2, 3))
    assert moved.shape == (channels,)
    assert moved.min() > 0


def test_more_means_need_our_preprocessor():
    message = f"mean has 4 values, and DetDataPreprocessor takes 1 or 3; set .*{OURS}"
    with pytest.raises(ValueError, match=message):
        detector(data_preprocessor=preprocessor(4, "DetDataPreprocessor"))
