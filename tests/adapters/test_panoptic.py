"""The detector's targets, and the annotations that it refuses."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")

from mmdet.registry import DATASETS
from mmdet.structures import DetDataSample

from mmseg_maskformer.adapters.segment_targets import segment_targets
from tests.checkpoints import models
from tests.helpers.panoptic import (
    SIZE,
    THINGS,
    assert_same,
    compact,
    detector,
    image,
    losses,
    numbers,
    of_the_host,
)
from tests.helpers.vit import PYRAMID, VIT

pytestmark = pytest.mark.mmdet


def test_targets_of_both_kinds_of_pipelines_are_the_same():
    model = detector()
    assert_same(losses(model, compact()), losses(model, of_the_host()))


def test_targets_are_padded_to_the_size_of_the_input():
    model = detector()
    found = [losses(model, x, (80, 128)) for x in (compact(), of_the_host())]
    assert_same(*found)
    assert found[0]["loss_dice"] != losses(model, compact())["loss_dice"]


@pytest.mark.parametrize("kind", ["map", "masks", "stuff"])
def test_annotations_of_another_size_than_the_image_are_a_sentence(kind):
    sample = compact() if kind == "map" else of_the_host()
    if kind == "map":
        sample.gt_segment_map = PixelData(data=numbers()[None, :50])
    elif kind == "masks":
        masks = sample.gt_instances.masks
        sample.gt_instances.masks = masks.rescale(0.5)
    else:
        sample.gt_sem_seg = PixelData(sem_seg=sample.gt_sem_seg.sem_seg[:, :50])
    size = "32 x 48" if kind == "masks" else "50 x 96"
    message = rf"a\.jpg has {size} pixels, but its image 64 x 96 .* before the training"
    with pytest.raises(ValueError, match=message):
        detector().loss(image(), [sample])


def test_a_sample_without_masks_is_a_sentence():
    sample = of_the_host()
    del sample.gt_instances.masks
    bare = DetDataSample(metainfo=dict(img_shape=SIZE, img_path="a.jpg"))
    for lacking in (sample, bare):
        with pytest.raises(ValueError, match=r"a\.jpg has neither .*with_mask=True"):
            detector().loss(image(), [lacking])


def test_crowds_are_left_out():
    is_thing = THINGS.clone()
    is_thing[2] = False  # the host says so of a crowd of class 2
    found = losses(detector(), compact(is_thing))
    assert_same(found, losses(detector(), of_the_host(kept=[0, 1, 3, 4, 5])))


def test_segments_cropped_away_take_part_with_empty_masks():
    sample = compact()
    sample.gt_segment_map = PixelData(data=torch.zeros(1, *SIZE, dtype=torch.uint8))
    found = losses(detector(), sample)
    # a query matched to an empty mask has dice loss 1 - 1 / (sum p + 1), below 1
    assert 0 < found["loss_dice"] < 1
    assert found["loss_cls"] > 0


@pytest.mark.parametrize("instance", [True, False])
def test_an_image_without_segments_gives_zero_mask_losses(instance):
    sample = of_the_host(kept=[]) if instance else compact()
    if not instance:
        sample.gt_segments = sample.gt_segments[:0]
    model = detector()
    found = model.train().loss(image(), [sample])
    assert found["loss_mask"] == found["loss_dice"] == 0
    sum(found.values()).backward()
    unused = [n for n, p in model.named_parameters() if p.grad is None]
    assert unused == []  # distributed training needs a gradient everywhere


def test_images_with_more_nuclei_than_queries_train(configured_data):
    """The images of the nuclei with more than 100 segments, uncropped."""
    base = models.CONFIGS / "_base_/datasets/dsb2018_panoptic.py"
    config = Config.fromfile(base).train_dataloader.dataset
    config.pipeline = [*config.pipeline[:2], config.pipeline[-1]]
    model = detector(num_things_classes=1, num_stuff_classes=1).train()
    data = DATASETS.build(config)
    infos = [data.get_data_info(index) for index in range(len(data))]
    crowded = [i for i, x in enumerate(infos) if len(x["segments_info"]) > 100]
    assert len(crowded) == 8
    for index in crowded:
        batch = model.data_preprocessor(pseudo_collate([data[index]]), training=True)
        found = model.loss(batch["inputs"], batch["data_samples"])
        # 12 queries are matched, one each; all of 100 and more segments divide the sum
        assert 0 < found["loss_dice"] <= 12 / 100
        assert torch.isfinite(sum(found.values()))


def test_a_plain_vit_is_trained_behind_a_neck_and_refused_without():
    def build(**neck):
        backbone, head = dict(VIT, _delete_=True), dict(in_channels=[24] * 4)
        return detector(backbone=backbone, decode_head=head, **neck).train()

    model = build(neck=PYRAMID)
    sum(model.loss(image(), [compact()]).values()).backward()
    first = next(model.backbone.parameters())
    assert 0 < first.grad.abs().sum().item() < float("inf")
    message = (
        r"finest map, \(4, 6\), does not fit an input of \(64, 96\).*stride 4.*neck"
    )
    with pytest.raises(ValueError, match=message):
        build().loss(image(), [compact()])


def test_masks_may_be_coarser_than_the_finest_map():
    """A head of one map of stride 32; mask_stride is that of the finest map, 4."""
    fcn = dict(type="mmseg.FCNHead", in_channels=256, in_index=3, channels=8)
    pixels = dict(type="DecodeHeadPixelDecoder", decode_head=fcn, mask_channels=8)
    queries = dict(num_queries=4, num_layers=1, embed_dim=8, num_heads=2, ffn_dim=8)
    network = dict(
        pixel_decoder=dict(pixels, _delete_=True),
        transformer_decoder=dict(queries, type="TransformerDecoder", _delete_=True),
    )
    found = losses(detector(decode_head=dict(network=network)), compact())
    assert 0 < found["loss_dice"] < float("inf")


def test_an_impossible_class_is_a_sentence():
    sample = compact(labels=torch.tensor([0, 5, 2, 0, 3, -1]))
    message = (
        r"a\.jpg has segments of class \[-1, 5\].*num_stuff_classes=2 allow 0\.\.4"
    )
    with pytest.raises(ValueError, match=message):
        detector().loss(image(), [sample])


def test_instances_in_a_panoptic_model_are_a_sentence():
    sample = of_the_host()
    del sample.gt_sem_seg
    with pytest.raises(ValueError, match=r"a\.jpg has instances but no map of stuff"):
        detector().loss(image(), [sample])


def test_more_classes_than_the_host_tells_from_void_are_a_sentence():
    message = r"semantic map of .*a\.jpg takes 255 for void, .* has 256 classes\. Load"
    with pytest.raises(ValueError, match=message):
        segment_targets([of_the_host()], SIZE, 200, 56)


def test_an_instance_model_needs_no_map_of_stuff():
    sample = of_the_host()
    del sample.gt_sem_seg
    found = losses(detector(num_stuff_classes=0), sample)
    assert found["loss_dice"] > 0
