"""MMDetection's own MaskFormer, its weights loaded here: the same everything."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmengine.structures import InstanceData, PixelData

pytest.importorskip("mmdet")

from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks

from mmseg_maskformer.adapters.panoptic_results import host_map
from mmseg_maskformer.core.instances import instances
from mmseg_maskformer.core.panoptic import panoptic_segments
from mmseg_maskformer.core.tiling import Placement
from tests import cases, mmdet_peer
from tests.checkpoints import models

pytestmark = pytest.mark.mmdet
BASE = models.CONFIGS / "_base_/models/maskformer_r50-6enc_panoptic.py"
THINGS, STUFF = 80, 53
EVEN, ODD = [(96, 128), (96, 128)], [(75, 107), (91, 60)]


@pytest.fixture(scope="module")
def peer():
    torch.manual_seed(0)
    model = models.randomise(mmdet_peer.build_detector())
    with torch.no_grad():  # class logits near 1, as after training: losses near 1
        model.panoptic_head.cls_embed.weight.mul_(0.1)
    return model


@pytest.fixture(scope="module", params=[False, True], ids=["all", "mask_padding"])
def ours(peer, request, tmp_path_factory):
    """Our model with the peer's weights, read from its checkpoint."""
    path = tmp_path_factory.mktemp("peer") / "maskformer.pth"
    torch.save(dict(meta={}, state_dict=peer.state_dict()), path)
    config = Config.fromfile(BASE).model
    config.backbone.init_cfg = None
    config.decode_head.mask_padding = request.param
    model = MODELS.build(config)
    load_checkpoint(model, str(path), strict=True)
    return model.eval()


def sample(size, seed):
    """Three things, one of them overlapping another, and three kinds of stuff."""
    stuff = cases.label_map(4, size, seed, void=True)  # 0..3, -1 where void
    stuff = torch.where(stuff < 1, 255, stuff + 100)
    masks = torch.zeros(3, *size, dtype=torch.bool)
    masks[0, 10:40, 5:30], masks[1, 20:60, 15:50], masks[2, 50:70, 40:58] = (True,) * 3
    found = DetDataSample(
        metainfo=dict(img_shape=size, ori_shape=size, img_path=f"{seed}.jpg")
    )
    found.gt_instances = InstanceData(
        labels=torch.tensor([3, 77, 3]),
        masks=BitmapMasks(masks.numpy().astype("uint8"), *size),
    )
    found.gt_sem_seg = PixelData(sem_seg=stuff[None])
    return found


def batch(peer, sizes):
    """Normalised, padded inputs and samples, as the host's preprocessor makes them."""
    generator = torch.Generator().manual_seed(1)
    images = [
        torch.randint(256, (3, *size), generator=generator, dtype=torch.uint8)
        for size in sizes
    ]
    samples = [sample(size, seed) for seed, size in enumerate(sizes)]
    return peer.data_preprocessor(
        dict(inputs=images, data_samples=samples), training=True
    )


def close(found, expected):
    """Equal to 1e-5 of the largest value."""
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize("sizes", [EVEN, ODD], ids=["unpadded", "padded"])
def test_logits_equal_those_of_mmdet(peer, ours, sizes):
    if sizes is ODD and not ours.decode_head.mask_padding:
        pytest.skip("mmdet always hides padding from attention, the paper never")
    data = batch(peer, sizes)
    with torch.no_grad():
        expected = peer(**deepcopy(data), mode="tensor")
        found = ours(**deepcopy(data), mode="tensor")
    for layer, (class_logits, mask_logits) in enumerate(zip(*expected, strict=True)):
        close(found.class_logits[layer], class_logits)
        close(found.mask_logits(layer), mask_logits)


@pytest.mark.parametrize("sizes", [EVEN, ODD], ids=["unpadded", "padded"])
def test_losses_equal_those_of_mmdet(peer, ours, sizes):
    if sizes is ODD and not ours.decode_head.mask_padding:
        pytest.skip("mmdet always hides padding from attention, the paper never")
    data = batch(peer, sizes)
    with torch.no_grad():
        expected = peer(**deepcopy(data), mode="loss")
        found = ours(**deepcopy(data), mode="loss")
    assert found.keys() == expected.keys()  # three terms of six layers
    assert len(found) == 18
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value.squeeze(), rtol=1e-5, atol=1e-6)


def both_maps(class_logits, mask_logits, **thresholds):
    """The panoptic maps of mmdet and of ours, in mmdet's encoding."""
    fusion = mmdet_peer.build_fusion(THINGS, STUFF, **thresholds)
    expected = fusion.panoptic_postprocess(class_logits, mask_logits).sem_seg[0]
    placement = Placement.whole(tuple(mask_logits.shape[-2:]))
    found = panoptic_segments(class_logits, mask_logits, placement, THINGS)
    return host_map(found, THINGS, THINGS + STUFF), expected


def random_outputs(seed, sure=8.0):
    generator = torch.Generator().manual_seed(seed)
    class_logits = torch.randn(30, THINGS + STUFF + 1, generator=generator)
    labels = torch.randint(THINGS + STUFF + 1, (30,), generator=generator)
    class_logits[torch.arange(30), labels] += sure
    centres = torch.rand(30, 2, 1, 1, generator=generator)
    rows, columns = torch.linspace(0, 1, 50)[:, None], torch.linspace(0, 1, 70)
    distance = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2
    return class_logits, 4 - 200 * distance


ADVERSARIAL = {
    "no query kept": lambda cls, mask: (torch.zeros_like(cls), mask),
    "one query everywhere": lambda cls, mask: (cls[:1], torch.full_like(mask[:1], 9.0)),
    "all occluded": lambda cls, mask: (cls, 3 + 0.1 * mask),
    "equal scores": lambda cls, mask: (
        cls[:1].expand(30, -1),
        mask[:1].expand_as(mask),
    ),
    "all empty": lambda cls, mask: (cls, -9 - mask.abs()),
}


@pytest.mark.parametrize("seed", range(5))
def test_panoptic_map_equals_that_of_mmdet(seed):
    found, expected = both_maps(*random_outputs(seed))
    assert len(expected.unique()) > 4
    assert torch.equal(found, expected)


@pytest.mark.parametrize("case", ADVERSARIAL)
def test_panoptic_map_of_adversarial_inputs_equals_that_of_mmdet(case):
    found, expected = both_maps(*ADVERSARIAL[case](*random_outputs(0)))
    assert torch.equal(found, expected)


@pytest.mark.parametrize("seed", range(3))
def test_instances_equal_those_of_mmdet(seed):
    class_logits, mask_logits = random_outputs(seed, sure=2.0)
    fusion = mmdet_peer.build_fusion(THINGS, STUFF, max_per_image=40)
    expected = fusion.instance_postprocess(class_logits, mask_logits)
    placement = Placement.whole(tuple(mask_logits.shape[-2:]))
    found = instances(class_logits, mask_logits, placement, THINGS, max_per_image=40)
    ours, theirs = found.scores.argsort(), expected.scores.argsort()
    assert 10 < len(ours) == len(theirs) < 40
    torch.testing.assert_close(
        found.scores[ours], expected.scores[theirs], rtol=1e-5, atol=1e-7
    )
    assert torch.equal(found.labels[ours], expected.labels[theirs])
    assert torch.equal(found.masks[ours], expected.masks[theirs])
    assert torch.equal(found.boxes[ours], expected.bboxes[theirs])


@pytest.mark.parametrize("ours", [True], indirect=True, ids=["mask_padding"])
def test_detector_predicts_what_mmdet_predicts(peer, ours):
    data = batch(peer, ODD)
    for image in data["data_samples"]:
        image.set_metainfo(dict(ori_shape=(120, 140), scale_factor=(1.0, 1.0)))
    peer.panoptic_fusion_head.test_cfg.update(instance_on=True, object_mask_thr=0.0)
    peer.panoptic_fusion_head.test_cfg.update(iou_thr=0.0)
    ours.test_cfg.update(object_mask_thr=0.0, iou_thr=0.0)
    with torch.no_grad():
        expected = peer(**deepcopy(data), mode="predict")
        found = ours(**deepcopy(data), mode="predict")
    for ours_, theirs in zip(found, expected, strict=True):
        ids = theirs.pred_panoptic_seg.sem_seg
        assert len(ids.unique()) > 1  # something besides void
        same = (ours_.pred_panoptic_seg.sem_seg == ids).double().mean()
        assert same > 0.999
        best = [x.pred_instances.scores.sort().values for x in (ours_, theirs)]
        torch.testing.assert_close(*best, rtol=1e-3, atol=1e-6)
        assert ours_.pred_sem_seg.sem_seg.shape == (1, 120, 140)


def test_the_peer_that_the_nuclei_are_compared_with_is_the_same_network(tmp_path):
    init_default_scope("mmdet")
    name = "maskformer_r18-6enc_1xb4-5k_dsb2018-panoptic.py"
    theirs, ours = (
        models.randomise(MODELS.build(Config.fromfile(models.CONFIGS / path).model))
        for path in (f"peers/mmdet-{name}", f"maskformer/{name}")
    )
    torch.save(dict(meta={}, state_dict=theirs.state_dict()), tmp_path / "peer.pth")
    load_checkpoint(ours, str(tmp_path / "peer.pth"), strict=True)
    meta = dict(img_shape=(64, 96), batch_input_shape=(64, 96))
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    samples = [DetDataSample(metainfo=meta)]
    with torch.no_grad():
        expected = theirs(image, samples, mode="tensor")
        found = ours(image, samples, mode="tensor")
    close(found.class_logits[-1], expected[0][-1])
    close(found.mask_logits(), expected[1][-1])
    costs = theirs.panoptic_head.assigner.match_costs
    assert [x.weight for x in costs] == [2.0, 20.0, 5.0]
    criterion = ours.decode_head.criterion
    losses = (criterion.loss_cls, criterion.loss_mask, criterion.loss_dice)
    assert [x.weight for x in losses] == [2.0, 20.0, 5.0]
