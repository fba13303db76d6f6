"""MMSegmentation's protocols: losses, whole, slide and flipped prediction."""

from __future__ import annotations

import pytest
import torch

from mmseg_maskformer.adapters.geometry import input_size, valid_part
from mmseg_maskformer.adapters.options import PredictionOptions
from mmseg_maskformer.core.inference import semantic_scores
from mmseg_maskformer.core.layers import padding_mask
from mmseg_maskformer.core.structures import Predictions
from tests.helpers.semantic import (
    CASES,
    CLASSES,
    build,
    build_tiled,
    images,
    label_maps,
    samples,
)


class Noise(torch.nn.Module):
    """Random predictions on the grid of the features: label maps of several classes."""

    mask_stride = 4
    per_pixel = False

    def forward(self, features, valid=None):
        generator = torch.Generator().manual_seed(3)
        num, _, *grid = features[0].shape
        return Predictions(
            3 * torch.randn(1, num, 9, CLASSES + 1, generator=generator),
            torch.randn(1, num, 9, 16, generator=generator),
            torch.randn(1, num, 16, *grid, generator=generator),
        )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@torch.no_grad()
def test_tiled_labels_equal_the_hosts_dense_ones(case):
    size = case["size"]
    dense, tiled = build(), build_tiled()
    dense.decode_head.network = tiled.decode_head.network = Noise()
    dense = dense.predict(images(size), samples(**case))
    tiled = tiled.predict(images(size), samples(**case))
    for ours, host in zip(tiled, dense, strict=True):
        assert torch.equal(ours.pred_sem_seg.data, host.pred_sem_seg.data)
        assert len(host.pred_sem_seg.data.unique()) >= 3
        assert "seg_logits" not in ours


@torch.no_grad()
def test_scores_are_given_when_asked_for():
    model = build_tiled(test_cfg=dict(seg_logits=True))
    result = model.predict(images((64, 96)), samples((64, 96)))
    predictions = model.decode_head(model.extract_feat(images((64, 96))))
    expected = semantic_scores(
        predictions.class_logits[-1], predictions.mask_logits(), (64, 96)
    )
    for sample, scores in zip(result, expected, strict=True):
        torch.testing.assert_close(sample.seg_logits.data, scores)


@torch.no_grad()
def test_labels_without_data_samples():
    x = images((64, 96))
    with_samples = build_tiled().predict(x, samples((64, 96)))
    without = build_tiled().predict(x)
    for a, b in zip(with_samples, without, strict=True):
        assert torch.equal(a.pred_sem_seg.data, b.pred_sem_seg.data)


@pytest.mark.parametrize("segmentor", [build, build_tiled])
@torch.no_grad()
def test_the_hosts_slide_mode_averages_windows_of_any_size(segmentor):
    size, crop, stride = (70, 101), (45, 53), (25, 48)
    config = dict(mode="slide", crop_size=crop, stride=stride)
    if segmentor is build_tiled:
        config["seg_logits"] = True
    model = segmentor(test_cfg=config)
    x = images(size)
    found = model.predict(x, samples(size))
    total, count = torch.zeros(2, CLASSES, *size), torch.zeros(size)
    for top in (0, 25):  # 0, 25; a third window would pass the end
        for left in (0, 48):  # 48 + 53 = 101
            rows, columns = slice(top, top + 45), slice(left, left + 53)
            predictions = model.decode_head(model.extract_feat(x[..., rows, columns]))
            total[..., rows, columns] += semantic_scores(
                predictions.class_logits[-1], predictions.mask_logits(), crop
            )
            count[rows, columns] += 1
    for sample, scores in zip(found, total / count, strict=True):
        torch.testing.assert_close(sample.seg_logits.data, scores)


@pytest.mark.parametrize(
    ("meta", "grid", "size"),
    [
        # 66 = ceil(262 / 4): the padded size fits the grid, the image does not
        (dict(pad_shape=(262, 96), img_shape=(250, 96)), (66, 24), (262, 96)),
        (dict(img_shape=(250, 96)), (63, 24), (250, 96)),
        # a backbone that drops what is left of a stride: 127 = floor(510 / 4)
        (dict(img_shape=(510, 96)), (127, 24), (510, 96)),
        # slide mode: the window is a torch.Size, the rest belongs to the whole image
        (
            dict(pad_shape=(63, 96), img_shape=torch.Size((61, 96))),
            (16, 24),
            (61, 96),
        ),
        # nothing is known: four times the grid
        ({}, (16, 24), (64, 96)),
    ],
)
def test_size_of_the_input(meta, grid, size):
    assert input_size(meta, grid, 4) == size


def test_padding_mask_marks_cells_whose_corner_is_padding():
    # 64 x 64 input, 2 x 2 coarsest grid; nearest cell corners are rows 0 and 32,
    # so an image of 30 rows has row 1 in the padding, one of 40 rows does not
    metas = [dict(img_shape=(30, 64)), dict(img_shape=(40, 20))]
    expected = [[[False, False], [True, True]], [[False, True], [False, True]]]
    valid = valid_part(metas, (64, 64), torch.device("cpu"))
    found = padding_mask(valid, (2, 2))
    assert found.tolist() == expected


def test_losses_have_the_hosts_names_and_reach_every_parameter():
    model = build().train()
    labels = label_maps((64, 96))
    losses = model.loss(images((64, 96)), samples((64, 96), labels=labels))
    terms = ("loss_cls", "loss_mask", "loss_dice")
    assert set(losses) == {
        f"decode.{layer}{term}" for layer in ("d0.", "") for term in terms
    }
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_void_batch_has_zero_mask_losses_that_reach_every_parameter():
    model = build().train()
    labels = torch.full((2, 64, 96), 255)
    losses = model.loss(images((64, 96)), samples((64, 96), labels=labels))
    for name, value in losses.items():
        if "loss_cls" in name:
            assert value > 0
        else:
            assert value == 0
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_255_is_void_beside_a_custom_ignore_index():
    model = build(ignore_index=200)
    labels = label_maps((64, 96))
    totals = []
    for void in (200, 255):
        labels[:, :20] = void
        losses = model.loss(images((64, 96)), samples((64, 96), labels=labels))
        totals.append(sum(losses.values()).item())
    assert totals[0] == totals[1]


@pytest.mark.parametrize(("num_classes", "void"), [(255, True), (256, False)])
def test_255_is_void_until_it_is_a_class(num_classes, void):
    head = build(num_classes=num_classes, ignore_index=65535).decode_head
    assert head.is_void(255) == void
    assert head.is_void(65535)


def test_ignored_void_does_not_count_as_background():
    # nothing is predicted differently, but void pixels leave the mask terms
    labels = label_maps((64, 96))
    labels[:, 32:] = 255
    batch = (images((64, 96)), samples((64, 96), labels=labels))
    counted = build().loss(*batch)["decode.loss_mask"]
    ignored = build(ignore_void=True).loss(*batch)["decode.loss_mask"]
    assert counted != ignored
    labels[:, 32:] = 0
    full = (images((64, 96)), samples((64, 96), labels=labels))
    torch.testing.assert_close(
        build().loss(*full)["decode.loss_mask"],
        build(ignore_void=True).loss(*full)["decode.loss_mask"],
    )


@torch.no_grad()
def test_mask_padding_hides_padding_from_attention():
    model = build(mask_padding=True)
    features = model.extract_feat(images((64, 96)))
    metas = [dict(img_shape=(30, 96)), dict(img_shape=(64, 96))]
    found = model.decode_head(features, metas, (64, 96))
    valid = torch.tensor([[30 / 64, 1], [1, 1]], dtype=torch.float64)
    hidden = model.decode_head.network(features, valid)
    seen = model.decode_head.network(features)
    assert torch.equal(found.class_logits, hidden.class_logits)
    assert not torch.equal(found.class_logits[:, 0], seen.class_logits[:, 0])


@torch.no_grad()
def test_autocast_changes_no_label():
    model = build_tiled()
    model.decode_head.network = Noise()
    features = model.extract_feat(images((64, 96)))
    metas = [sample.metainfo for sample in samples((64, 96))]
    head = model.decode_head

    def labels():
        found = head.image_logits(features, metas, (64, 96))
        return [
            head.labels(x, meta, PredictionOptions())
            for x, meta in zip(found, metas, strict=True)
        ]

    expected = labels()
    with torch.autocast("cpu", torch.bfloat16):
        found = labels()
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)
