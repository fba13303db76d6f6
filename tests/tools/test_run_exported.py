"""`tools/run_exported.py` where no model is run; the rest needs an exported one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import run_exported
from export_lib.parity import label_maps
from mmseg_maskformer.core.panoptic import panoptic_segments
from mmseg_maskformer.core.tiling import Placement
from mmseg_maskformer.engine.models import untrained_model
from mmseg_maskformer.export.description import describe
from mmseg_maskformer.export.network import ExportableNetwork
from tests.helpers import exported
from tests.helpers.export import NAMES
from tests.helpers.imports import imported_roots

WRONG = {
    "rule": ("model.onnx", "detr", "ab", r"panoptic_rule='detr', which .*add --cfg"),
    "runtime": ("model.xml", "maskformer", "ab", r"no model\.onnx, .*--backend onnx"),
    "names": ("model.onnx", "maskformer", "aa", r"2 images .* to a\.npz: give them"),
}


@pytest.mark.parametrize(
    ("file", "rule", "names", "message"), WRONG.values(), ids=WRONG
)
def test_what_the_script_cannot_do_is_said_first(tmp_path, file, rule, names, message):
    (tmp_path / file).touch()
    images = [Path(f"folder{k}/{name}.jpg") for k, name in enumerate(names)]
    model = dict(
        results=["panoptic"], resized="logits", options=dict(panoptic_rule=rule)
    )
    with pytest.raises(SystemExit, match=message):
        run_exported.check(tmp_path, images, model)
    del model["resized"]
    with pytest.raises(SystemExit, match="of an earlier tools/export.py, .* again"):
        run_exported.check(tmp_path, images, model)


def test_the_script_imports_no_torch():
    packages = imported_roots(Path(run_exported.__file__))
    assert packages == {"numpy", "PIL", "cv2", "onnxruntime"}


def test_a_folder_without_a_description_is_named(tmp_path, monkeypatch):
    arguments = ["x", str(tmp_path), "a.jpg", "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit, match=rf"^{tmp_path} has no model\.json; name"):
        run_exported.main()


@pytest.mark.parametrize("orientation", [True, False])
def test_images_are_turned_as_the_model_was_trained(tmp_path, orientation):
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    image, exif = Image.fromarray(pixels), Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right
    image.save(tmp_path / "a.png", exif=exif)
    model = dict(orientation=orientation, resize=None)
    found, size = run_exported.read_image(tmp_path / "a.png", model)
    wanted = np.rot90(pixels, -1) if orientation else pixels
    np.testing.assert_array_equal(found[0].transpose(1, 2, 0), wanted)
    assert size == wanted.shape[:2]


GREY = dict(photometric="minisblack")
RGB = dict(photometric="rgb", planarconfig="contig")
FOUR, FIVE = (dict(RGB, extrasamples=more * [0]) for more in (1, 2))


@pytest.mark.parametrize(
    ("shape", "dtype", "kind", "message"),
    [
        # Pillow would make 255 of all values above it
        ((4, 4), np.uint16, GREY, r"has values of .* \(Pillow's mode I;16"),
        ((4, 4, 4), np.uint8, FOUR, r"has 4 channels, and .*; save three"),
        ((4, 4, 5), np.uint8, FIVE, r"has 5 channels, and .*; save three"),
    ],
)
def test_images_that_pillow_reads_in_part_are_refused(
    tmp_path, shape, dtype, kind, message
):
    tifffile.imwrite(tmp_path / "a.tif", np.full(shape, 1000).astype(dtype), **kind)
    with pytest.raises(ValueError, match=rf"a\.tif {message}"):
        run_exported.read_image(tmp_path / "a.tif", dict(orientation=True))


def test_of_colours_of_sixteen_bits_the_upper_eight_are_read(tmp_path):
    """40000 is 156 * 256 + 64; as LoadImage reads it."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((2, 2, 3), 40000, np.uint16))
    model = dict(orientation=True, resize=None)
    found, _ = run_exported.read_image(tmp_path / "a.png", model)
    assert np.unique(found).tolist() == [156]


@pytest.mark.parametrize("task", ["semantic", "panoptic"])
def test_semantic_maps_alone_are_those_of_the_model(task):
    """A segmentor resizes probabilities, a detector logits."""
    if task == "panoptic":
        pytest.importorskip("mmdet")
    config = exported.settings(task, masked=False)
    if task == "panoptic":
        config.model.test_cfg.update(
            panoptic_on=False, instance_on=False, semantic_on=True
        )
    else:  # whose classes nobody but the checkpoint names
        config.test_dataloader.dataset.metainfo = None
    model = untrained_model(config).eval()
    model.dataset_meta = dict(classes=NAMES)
    network = ExportableNetwork(model)
    description = describe(network, config, None)
    assert description["classes"] == list(NAMES)
    assert description["results"] == ["semantic"]
    random = torch.Generator().manual_seed(0)
    inside, size = (30, 44), (75, 107)
    outputs = dict(
        class_logits=3 * torch.randn(1, 5, 4, generator=random),
        mask_logits=9 * torch.randn(1, 5, 8, 16, generator=random),
    )
    divisor = network.divisor
    padded = tuple(-(-side // divisor) * divisor for side in inside)
    placement = Placement(padded, (0, 30, 0, 44), size)
    wanted = label_maps(network, outputs, placement)["semantic"].numpy()
    arrays = {name: x.numpy() for name, x in outputs.items()}
    found = run_exported.results(arrays, description, inside, size)["semantic"]
    assert (found == wanted).mean() > 0.9995  # the other rule: 0.993


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        # the second is below 1/2 everywhere, and wins the other half of the image
        (50 * [6.0] + 50 * [-4.0], 100 * [-1.0], {2: 50, 1000: 50}),
        # the first wins 55 of 100 pixels, and 0.55 * 100 > 55 where numbers are rounded
        (100 * [1.0], 45 * [6.0] + 55 * [-6.0], {1000: 55, 2001: 45}),
    ],
    ids=["below half", "share"],
)
def test_segments_are_those_that_pytorch_accepts(first, second, counts):
    classes = torch.tensor([[9.0, 0, 0], [0, 9.0, 0]])
    masks = torch.tensor([first, second]).reshape(2, 10, 10)
    place = Placement.whole((10, 10))
    segments = panoptic_segments(classes, masks, place, 2, overlap_threshold=0.55)
    options = dict(object_mask_thr=0.8, iou_thr=0.55, panoptic_rule="maskformer")
    found = run_exported.panoptic(
        classes.softmax(1).numpy(),
        masks.sigmoid().numpy(),
        dict(options=options, num_things=2),
    )["panoptic"]
    assert len(segments.labels) == len(set(counts) - {2})
    np.testing.assert_array_equal(found == 2, segments.segment_map == 0)
    values = np.unique(found, return_counts=True)
    assert dict(zip(*(x.tolist() for x in values), strict=True)) == counts
