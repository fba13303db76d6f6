"""The detector: its targets, its results, and what it refuses."""

from __future__ import annotations

import math

import mmcv
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData

import mmseg_maskformer  # noqa: F401  (stands in for operators that mmcv may lack)

pytest.importorskip("mmdet")

from mmdet.registry import DATASETS, MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks

from mmseg_maskformer.adapters.panoptic_options import PanopticOptions
from mmseg_maskformer.adapters.segment_targets import segment_targets
from mmseg_maskformer.core.inference import semantic_labels
from mmseg_maskformer.core.instances import instances
from mmseg_maskformer.core.tiling import Placement
from tests import cases, reference
from tests.checkpoints import models

pytestmark = pytest.mark.mmdet
SIZE = (64, 96)
LABELS = torch.tensor([0, 4, 2, 0, 3, 1])  # things 0..2, stuff 3..4
THINGS = LABELS < 3


def detector(layers=1, **changes):
    """A narrow model of three thing and two stuff classes."""
    init_default_scope("mmdet")
    config = Config.fromfile(
        models.CONFIGS / "_base_/models/maskformer_r18-6enc_panoptic.py"
    )
    narrow = dict(num_layers=1, embed_dim=32, num_heads=2, ffn_dim=64, dropout=0.0)
    small = dict(
        num_things_classes=3,
        num_stuff_classes=2,
        decode_head=dict(
            network=dict(
                pixel_decoder=dict(out_channels=32, mask_channels=32, encoder=narrow),
                transformer_decoder=dict(narrow, num_queries=12, num_layers=layers),
            ),
            criterion=dict(loss_dice=dict(weight=1.0)),
        ),
    )
    config.merge_from_dict(dict(model=small | changes))
    torch.manual_seed(0)
    return MODELS.build(config.model)


def numbers():
    """A map (H, W) of segment numbers 1..6, 0 where void."""
    return cases.label_map(6, SIZE, seed=3, void=True) + 1


def compact(is_thing=THINGS, labels=LABELS):
    """A sample as PackPanopticInputs packs it."""
    sample = DetDataSample(
        metainfo=dict(img_shape=SIZE, ori_shape=(50, 70), img_path="a.jpg")
    )
    sample.gt_segment_map = PixelData(data=numbers()[None].to(torch.uint8))
    sample.gt_segments = InstanceData(
        ids=torch.arange(1, 7), labels=labels, is_thing=is_thing
    )
    return sample


def of_the_host(kept=range(6)):
    """The same segments as the host packs them."""
    sample = DetDataSample(
        metainfo=dict(img_shape=SIZE, ori_shape=(50, 70), img_path="a.jpg")
    )
    masks = numbers() == torch.arange(1, 7)[:, None, None]
    things = [i for i in kept if THINGS[i]]
    sample.gt_instances = InstanceData(
        labels=LABELS[things],
        masks=BitmapMasks(masks[things].numpy().astype("uint8"), *SIZE),
    )
    stuff = torch.full(SIZE, 255)
    for i in kept:
        stuff[masks[i]] = LABELS[i]
    sample.gt_sem_seg = PixelData(sem_seg=stuff[None])
    return sample


def image(size=SIZE):
    return torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))


def losses(model, sample, size=SIZE):
    torch.manual_seed(0)
    with torch.no_grad():
        return model.eval().loss(image(size), [sample])


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-6, atol=1e-7)


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


def test_images_with_more_nuclei_than_queries_train(shared_data, monkeypatch):
    """The images of the nuclei with more than 100 segments, uncropped."""
    monkeypatch.setenv("MASKFORMER_DATA", str(shared_data))
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
    model = detector(test_cfg=dict(max_per_image=7)).eval()
    for rescale, size in ((True, (50, 70)), (False, SIZE)):
        with torch.no_grad():
            (sample,) = model.predict(image((80, 128)), [compact()], rescale=rescale)
        assert sample.pred_panoptic_seg.sem_seg.shape == (1, *size)
        assert sample.pred_sem_seg.sem_seg.shape == (1, *size)
        assert sample.pred_instances.masks.shape[1:] == size
        assert len(sample.pred_instances) <= 7
        assert set(sample.pred_sem_seg.sem_seg.unique().tolist()) <= set(range(5))


def test_without_samples_results_have_the_size_of_the_input():
    with torch.no_grad():
        (sample,) = detector().eval().predict(image())
    assert sample.pred_panoptic_seg.sem_seg.shape == (1, *SIZE)


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
        labels = semantic_labels(*logits, placement, resize_logits=True)
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


def test_one_image_by_its_path_or_its_pixels(shared_data, monkeypatch):
    from mmdet.apis import inference_detector

    monkeypatch.setenv("MASKFORMER_DATA", str(shared_data))
    model = detector(num_things_classes=1, num_stuff_classes=1).eval()
    name = "maskformer_r18-6enc_1xb4-5k_dsb2018-panoptic"
    model.cfg = Config.fromfile(models.CONFIGS / f"maskformer/{name}.py")
    path = shared_data / "dsb2018/images/val/000006.jpg"
    pixels = mmcv.imread(path, backend="pillow")
    by_path, by_pixels = (inference_detector(model, x) for x in (str(path), pixels))
    found = by_path.pred_sem_seg.sem_seg
    assert found.shape == (1, 256, 256)
    assert torch.equal(by_pixels.pred_sem_seg.sem_seg, found)


def test_more_classes_than_the_encoding_holds_are_a_sentence():
    with pytest.raises(ValueError, match=r"1000 classes do not fit .*panoptic_on=Fal"):
        detector(num_things_classes=998)
    detector(num_things_classes=998, test_cfg=dict(panoptic_on=False))


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


def test_the_mask_threshold_is_that_of_the_rule():
    # paper section 3.4: 0.8; Mask2Former's configs: 0.8; DETR's code: 0.85
    assert PanopticOptions.read({}).object_mask_thr == 0.8
    assert (
        PanopticOptions.read(dict(panoptic_rule="mask2former")).object_mask_thr == 0.8
    )
    assert PanopticOptions.read(dict(panoptic_rule="detr")).object_mask_thr == 0.85
    given = dict(panoptic_rule="detr", object_mask_thr=0.4)
    assert PanopticOptions.read(given).object_mask_thr == 0.4


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (dict(panoptic_rule="v3"), r"panoptic_rule='v3' is none of"),
        (dict(iou_thr=80), "iou_thr=80 is no share"),
        (dict(object_mask_thr="0.5"), "object_mask_thr='0.5' is no share"),
        (dict(max_per_image=-1), "max_per_image=-1 is no number of instances"),
        (dict(instance_on="yes"), "instance_on='yes' is neither True nor False"),
        (dict(one_per_query=1), "one_per_query=1 is neither True nor False"),
        (dict(score_thr=-1), "score_thr=-1 is no share"),
        (
            dict(layer="last"),
            r"layer='last' is no whole number; -1 is the last l",
        ),
        (dict(layer=True), "layer=True is no whole number; -1 is the last"),
        (dict(uncertainty=1), "uncertainty=1 is neither True nor False"),
        (
            dict(uncertainty=True, semantic_on=False),
            "uncertainty=True adds maps to the semantic result",
        ),
    ],
)
def test_wrong_values_of_test_cfg_are_sentences(config, message):
    with pytest.raises(ValueError, match=message):
        detector(test_cfg=config)


def test_a_wrong_key_of_test_cfg_is_a_sentence():
    with pytest.raises(ValueError, match=r"unknown keys \['filter_low_score'\]"):
        detector(test_cfg=dict(filter_low_score=True))
