"""The detector's results, and its `test_cfg`."""

from __future__ import annotations

import math

import mmcv
import pytest
import torch
from mmengine.config import Config

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")

from mmseg_maskformer.adapters.panoptic_options import PanopticOptions
from mmseg_maskformer.core.instances import instances
from mmseg_maskformer.core.score_maps import (
    ResizedMaskScores,
    ScoreWindow,
    best_labels,
)
from mmseg_maskformer.core.tiling import Placement
from tests import reference
from tests.checkpoints import models
from tests.helpers.panoptic import SIZE, compact, detector, image

pytestmark = pytest.mark.mmdet


def test_every_result_can_be_switched_off():
    names = {"panoptic": "pred_panoptic_seg", "instance": "pred_instances"}
    names["semantic"] = "pred_sem_seg"
    for kind, name in names.items():
        model = detector(test_cfg={f"{kind}_on": False}).eval()
        with torch.no_grad():
            (sample,) = model.predict(image(), [compact()])
        assert {x for x in names.values() if x in sample} == set(names.values()) - {
            name
        }


def test_results_have_the_size_of_the_image_or_of_the_input():
    model = detector().eval()
    for rescale, size in ((True, (50, 70)), (False, SIZE)):
        with torch.no_grad():
            (sample,) = model.predict(image((80, 128)), [compact()], rescale=rescale)
        assert sample.pred_panoptic_seg.sem_seg.shape == (1, *size)
        assert sample.pred_sem_seg.sem_seg.shape == (1, *size)
        assert sample.pred_instances.masks.shape[1:] == size
        assert set(sample.pred_sem_seg.sem_seg.unique().tolist()) <= set(range(5))


@torch.no_grad()
def test_without_samples_results_are_those_of_the_input():
    model = detector().eval()
    (bare,) = model.predict(image())
    (sample,) = model.predict(image(), [compact()], rescale=False)
    for field in ("pred_panoptic_seg", "pred_sem_seg"):
        assert torch.equal(bare.get(field).sem_seg, sample.get(field).sem_seg)


def layer_outputs(model, layer, size):
    """Class logits (Q, K + 1) and mask logits (Q, h, w) of one layer."""
    predictions = model._forward(image(size), [compact()])
    return predictions.class_logits[layer][0], predictions.mask_logits(layer)[0]


@torch.no_grad()
def test_the_chosen_layer_answers():
    found = []
    for layer in (0, 1, -1):
        model = detector(layers=2, test_cfg=dict(layer=layer)).eval()
        (sample,) = model.predict(image((80, 128)), [compact()])
        placement = Placement((80, 128), (0, 64, 0, 96), (50, 70))
        logits = layer_outputs(model, layer, (80, 128))
        window = ScoreWindow.of(*logits, placement.size)
        labels = best_labels(ResizedMaskScores(window, placement))
        assert torch.equal(sample.pred_sem_seg.sem_seg[0], labels)
        expected = instances(*logits, placement, num_things=3, max_per_image=100)
        assert torch.equal(sample.pred_instances.scores, expected.scores)
        found.append(sample.pred_instances.scores)
    assert torch.equal(found[1], found[2])
    assert not torch.equal(found[0], found[1])
    with pytest.raises(ValueError, match=r"layer=2 is none of the model's 1 layers"):
        detector(test_cfg=dict(layer=2)).eval().predict(image(), [compact()])


@torch.no_grad()
def test_uncertainty_equals_the_dense_formulas():
    model = detector(test_cfg=dict(uncertainty=True)).eval()
    model.decode_head.network.class_head.weight.mul_(20)  # not all classes alike
    (sample,) = model.predict(image((80, 128)), [compact()])
    class_logits, mask_logits = layer_outputs(model, -1, (80, 128))
    masks = reference.resize_bilinear(mask_logits[None], (80, 128))[0]
    masks = reference.postprocess(masks, (64, 96), (50, 70)).sigmoid()
    probs = class_logits.softmax(-1)
    scores = torch.einsum("qk,qhw->khw", probs[:, :-1], masks)
    shares = scores / scores.sum(0)
    free = (1 - (1 - probs[:, -1, None, None]) * masks).prod(0)
    entropy = -(shares * shares.log()).sum(0) / math.log(5)
    wanted = dict(confidence=shares.amax(0), entropy=entropy, no_object=free)
    for name, values in wanted.items():
        found = sample.get(f"pred_{name}").data
        torch.testing.assert_close(found[0], values, rtol=1e-5, atol=1e-6)
    plain = detector().eval()
    plain.load_state_dict(model.state_dict())
    (other,) = plain.predict(image((80, 128)), [compact()])
    assert torch.equal(sample.pred_sem_seg.sem_seg, other.pred_sem_seg.sem_seg)
    assert "pred_entropy" not in other


def test_one_image_by_its_path_or_its_pixels(configured_data):
    from mmdet.apis import inference_detector

    model = detector(num_things_classes=1, num_stuff_classes=1).eval()
    name = "maskformer_r18-6enc_1xb4-5k_dsb2018-panoptic"
    model.cfg = Config.fromfile(models.CONFIGS / f"maskformer/{name}.py")
    path = configured_data / "dsb2018/images/val/000006.jpg"
    pixels = mmcv.imread(path, backend="pillow")
    by_path, by_pixels = (inference_detector(model, x) for x in (str(path), pixels))
    found = by_path.pred_sem_seg.sem_seg
    assert found.shape == (1, 256, 256)
    assert torch.equal(by_pixels.pred_sem_seg.sem_seg, found)


def test_more_classes_than_the_encoding_holds_are_a_sentence():
    with pytest.raises(ValueError, match=r"1000 classes do not fit .*panoptic_on=Fal"):
        detector(num_things_classes=998)
    detector(num_things_classes=998, test_cfg=dict(panoptic_on=False))


@pytest.mark.parametrize(
    ("rule", "wanted"), [("maskformer", [1]), ("mask2former", [1, 2]), ("detr", [1])]
)
def test_the_panoptic_rule_is_that_of_test_cfg(rule, wanted):
    config = dict(panoptic_rule=rule, object_mask_thr=0.1, iou_thr=0.0)
    model = detector(num_things_classes=0, num_stuff_classes=2, test_cfg=config).eval()
    torch.nn.init.zeros_(model.decode_head.network.class_head.weight)
    model.decode_head.network.class_head.bias.data = torch.tensor([0.0, 1.0, 0.0])
    with torch.no_grad():
        (sample,) = model.predict(image(), [compact()])
    # all twelve queries are stuff 1; DETR keeps the first of them, which wins all; of
    # Mask2Former's the pixels outside all masks are void
    assert sample.pred_panoptic_seg.sem_seg.unique().tolist() == wanted


@pytest.mark.parametrize(
    ("config", "counts"),
    [
        ({}, [12, 12, 12]),
        (dict(max_per_image=7), [7, 0, 0]),
        (dict(score_thr=0.25), [12, 12, 0]),
        (dict(one_per_query=True), [12, 0, 0]),
    ],
)
def test_how_many_instances_there_are_is_said_by_test_cfg(config, counts):
    model = detector(test_cfg=config).eval()
    network = model.decode_head.network
    for last in (network.class_head, network.mask_head[-1]):
        torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(network.pixel_decoder.mask_conv.weight)
    # all twelve queries are sure of the whole image, and of things 0 to 2 by these
    network.class_head.bias.data = torch.tensor([5.0, 4, 3, 1, 1, 1]).log()
    network.mask_head[-1].bias.data.fill_(1)
    network.pixel_decoder.mask_conv.bias.data.fill_(1)  # logits are 32 everywhere
    with torch.no_grad():
        (sample,) = model.predict(image(), [compact()])
    assert sample.pred_instances.labels.bincount(minlength=3).tolist() == counts


def test_the_mask_threshold_is_that_of_the_rule():
    # paper section 3.4: 0.8; Mask2Former's configs: 0.8; DETR's code: 0.85
    assert PanopticOptions.read({}).object_mask_thr == 0.8
    assert (
        PanopticOptions.read(dict(panoptic_rule="mask2former")).object_mask_thr == 0.8
    )
    assert PanopticOptions(panoptic_rule="detr").object_mask_thr == 0.85
    for given, wanted in ((dict(), 0.85), (dict(object_mask_thr=0.7), 0.7)):
        changed = dict(detector(test_cfg=given).test_cfg, panoptic_rule="detr")
        assert PanopticOptions.read(changed).object_mask_thr == wanted
    given = dict(panoptic_rule="detr", object_mask_thr=0.4)
    assert PanopticOptions.read(given).object_mask_thr == 0.4


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (dict(panoptic_rule="v3"), r"panoptic_rule='v3' is none of"),
        (dict(iou_thr=80), "iou_thr=80 is no share"),
        (dict(object_mask_thr="0.5"), "object_mask_thr='0.5' is no share"),
        (dict(max_per_image=-1), "test_cfg.max_per_image must be positive, got -1"),
        (dict(instance_on="yes"), "instance_on must be True or False, got 'yes'"),
        (dict(one_per_query=1), "test_cfg.one_per_query must be True or False, got 1"),
        (dict(score_thr=-1), "score_thr=-1 is no share"),
        (dict(layer="last"), "test_cfg.layer must be a whole number, got 'last'"),
        (dict(layer=True), "test_cfg.layer must be a whole number, got True"),
        (dict(uncertainty=1), "uncertainty must be True or False, got 1"),
        (
            dict(uncertainty=True, semantic_on=False),
            "uncertainty=True adds maps to the semantic result",
        ),
    ],
)
def test_wrong_values_of_test_cfg_are_sentences(config, message):
    with pytest.raises(ValueError, match=message):
        detector(test_cfg=config)


@pytest.mark.parametrize(
    ("key", "end"),
    [("filter_low_score", r"\]\.$"), ("mode", r"\]\. Windows .* semantic .*: remove")],
)
def test_a_wrong_key_of_test_cfg_is_a_sentence(key, end):
    with pytest.raises(ValueError, match=rf"unknown keys \['{key}'\].*{end}"):
        detector(test_cfg={key: "slide"})
