"""Targets: from label maps, from masks, on another grid; wrong labels are refused."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mmseg_maskformer.core.structures import PixelPredictions, Predictions
from mmseg_maskformer.core.targets import SegmentTargets, semantic_targets
from tests import cases, reference


def segments_of(targets):
    """{label: mask} of the targets of one image."""
    masks = targets.masks(torch.arange(len(targets)))
    return dict(zip(targets.labels.tolist(), masks, strict=True))


def assert_segments_equal(targets, label_map, void):
    found = segments_of(targets)
    values = set(label_map.unique().tolist()) - set(void)
    assert set(found) == values
    for label, mask in found.items():
        assert torch.equal(mask, label_map == label)


@pytest.mark.parametrize(
    ("num_classes", "ignore_index", "void"),
    [
        (7, 255, [255]),
        (7, 100, [100, 255]),
        (7, -1, [-1, 255]),
        (254, 65535, [65535, 255]),
        (
            255,
            65535,
            [65535, 255],
        ),  # the last number of classes beside which 255 is void
        (256, 65535, [65535]),  # void has a code that 8 bits do not hold
        (257, 65535, [65535]),
        (400, 65535, [65535]),
        (400, 255, [255]),
    ],
)
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_one_segment_per_class_that_occurs(num_classes, ignore_index, void, dtype):
    generator = torch.Generator().manual_seed(0)
    values = torch.tensor(
        [0, 3, num_classes - 1, *void, *([255, 256] * (num_classes > 256))]
    )
    picks = torch.randint(len(values), (2, 13, 17), generator=generator)
    label_maps = values[picks].to(dtype)
    found = semantic_targets(label_maps, num_classes, ignore_index)
    for targets, label_map in zip(found, label_maps, strict=True):
        assert_segments_equal(targets, label_map, void)
        assert targets.valid is None
    left_out = semantic_targets(label_maps, num_classes, ignore_index, ignore_void=True)
    for targets, label_map in zip(left_out, label_maps, strict=True):
        assert torch.equal(targets.valid, ~torch.isin(label_map, torch.tensor(void)))


def test_uint8_label_maps():
    label_map = torch.tensor([[[0, 3, 255], [3, 3, 6]]], dtype=torch.uint8)
    (targets,) = semantic_targets(label_map, num_classes=7)
    assert_segments_equal(targets, label_map[0], [255])


def test_an_image_of_void_has_no_segment():
    (targets,) = semantic_targets(torch.full((1, 4, 5), 255), num_classes=3)
    assert len(targets) == 0
    assert targets.masks(torch.arange(0)).shape == (0, 4, 5)


def test_wrong_labels_name_image_values_and_remedies():
    label_maps = torch.zeros(2, 4, 5, dtype=torch.long)
    label_maps[1, 0, :3] = torch.tensor([7, 150, -2])
    with pytest.raises(ValueError, match="bad.png") as error:
        semantic_targets(label_maps, num_classes=7, names=["good.png", "bad.png"])
    for part in (
        "-2, 7, 150",
        "num_classes=7",
        "Write 255 where a pixel is void",
        "set reduce_zero_label of the data sets",
        "0..6",
    ):
        assert part in str(error.value)
    assert "good.png" not in str(error.value)
    label_maps[1, 0, 0] = 65535
    with pytest.raises(ValueError, match="say ignore_index=65535 to head and metrics"):
        semantic_targets(label_maps, num_classes=7)


def test_the_last_class_is_right_and_the_next_one_wrong():
    semantic_targets(torch.full((1, 2, 2), 6), num_classes=7)
    with pytest.raises(ValueError, match="value.s. 7,"):
        semantic_targets(torch.full((1, 2, 2), 7), num_classes=7)
    (targets,) = semantic_targets(torch.full((1, 2, 2), 255), 256, ignore_index=-1)
    assert targets.labels.tolist() == [255]  # a class when there are 256 of them
    message = "value.s. 256, .*Write 65535 where a pixel is void"  # 255 is a class
    with pytest.raises(ValueError, match=message):
        semantic_targets(torch.full((1, 2, 2), 256), num_classes=256)


@pytest.mark.parametrize("grid", [(8, 10), (9, 13), (40, 3), (1, 1)])
def test_resized_equals_the_reference(grid):
    labels, masks = cases.target(4, 5, (33, 50), seed=2)
    inside = torch.rand(33, 50, generator=torch.Generator().manual_seed(0)) > 0.5
    (compact,) = cases.as_targets([(labels, masks, inside)])
    overlapping = masks.clone()
    overlapping[1] |= masks[2]
    dense = SegmentTargets.from_masks(labels, overlapping, inside)
    for targets, expected in ((compact, masks), (dense, overlapping)):
        small = targets.resized(grid)
        wanted = reference.resize_nearest(expected, grid)
        assert torch.equal(small.masks(torch.arange(4)), wanted)
        assert torch.equal(small.valid, reference.resize_nearest(inside, grid))
        assert torch.equal(small.labels, labels)


def test_mask_logits_are_the_product():
    embed = torch.tensor([[[[1.0, 2.0]]], [[[0.0, -1.0]]]])  # two layers, one query
    features = torch.tensor([[[[3.0, 4.0]], [[5.0, 6.0]]]])  # (1, 2, 1, 2)
    predictions = Predictions(torch.zeros(2, 1, 1, 3), embed, features[None])
    # layer 0: 1 * (3, 4) + 2 * (5, 6); the last layer: -(5, 6)
    assert predictions.mask_logits(0).tolist() == [[[[13.0, 16.0]]]]
    assert predictions.mask_logits().tolist() == [[[[-5.0, -6.0]]]]


def test_class_map_in_closed_form():
    # ids 7 and 300 are segments of the classes 4 and 2; 0, 9 and -1 are none
    segment_map = torch.tensor([[7, 7, 0], [300, 9, -1]])
    targets = SegmentTargets(torch.tensor([2, 4]), segment_map, torch.tensor([300, 7]))
    assert targets.class_map().tolist() == [[4, 4, -1], [2, -1, -1]]


def test_class_map_of_overlapping_masks_is_that_of_the_last():
    masks = torch.zeros(3, 2, 3, dtype=torch.bool)
    masks[0, :, :2] = True
    masks[1, 0, 1:] = True  # over the first one at (0, 1); the third is empty
    targets = SegmentTargets.from_masks(torch.tensor([5, 0, 3]), masks)
    assert targets.class_map().tolist() == [[5, 0, 0], [5, 5, -1]]


def test_soft_masks_stay_soft_and_cover_a_pixel_from_one_half_up():
    soft = torch.tensor([[[0.5, 0.25], [0.0, 1.0]], [[0.49, 0.0], [0.75, 0.1]]])
    targets = SegmentTargets.from_masks(torch.tensor([4, 2]), soft)
    assert torch.equal(targets.masks(torch.tensor([1, 0])), soft[[1, 0]])
    small = targets.resized((1, 1))
    assert small.masks(torch.arange(2)).flatten().tolist() == soft[:, 0, 0].tolist()
    assert targets.class_map().tolist() == [[4, -1], [2, 4]]
    boxes = [[0.5, 0.5, 1.0, 1.0], [0.25, 0.75, 0.5, 0.5]]
    assert targets.boxes.tolist() == boxes
    # of integers everything but zero is covered
    numbers = SegmentTargets.from_masks(torch.tensor([4, 2]), (4 * soft).int())
    assert numbers.masks(torch.arange(2)).dtype == torch.bool
    assert numbers.class_map().tolist() == [[2, 4], [2, 4]]


@pytest.mark.parametrize("dense", [False, True])
def test_class_map_without_a_segment_has_no_class(dense):
    labels = torch.zeros(0, dtype=torch.long)
    targets = SegmentTargets(labels, torch.full((2, 3), 4), labels)
    if dense:
        targets = SegmentTargets.from_masks(labels, torch.zeros(0, 2, 3).bool())
    assert targets.class_map().tolist() == [[-1] * 3] * 2
    assert targets.boxes.shape == (0, 4)


@pytest.mark.parametrize("ignore_void", [False, True])
@pytest.mark.parametrize(("num_classes", "void"), [(7, 255), (400, 65535)])
def test_class_map_is_the_label_map_that_targets_are_made_of(
    num_classes, void, ignore_void
):
    generator = torch.Generator().manual_seed(0)
    values = torch.tensor([0, 3, num_classes - 1, void])
    label_maps = values[torch.randint(4, (2, 13, 17), generator=generator)]
    found = semantic_targets(label_maps, num_classes, void, ignore_void)
    for targets, label_map in zip(found, label_maps, strict=True):
        wanted = torch.where(label_map == void, -1, label_map)
        assert torch.equal(targets.class_map(), wanted)


def test_boxes_in_closed_form():
    segment_map = torch.zeros(4, 10, dtype=torch.long)
    segment_map[1:3, 2:7] = 5  # rows 1 and 2 of 4, columns 2 to 6 of 10
    segment_map[3, 9] = 8  # the last pixel
    labels, ids = torch.tensor([0, 1, 2]), torch.tensor([5, 8, 9])  # 9 has no pixel
    expected = torch.tensor(
        [[0.45, 0.5, 0.5, 0.5], [0.95, 0.875, 0.1, 0.25], [0.0, 0.0, 0.0, 0.0]]
    )
    compact = SegmentTargets(labels, segment_map, ids)
    torch.testing.assert_close(compact.boxes, expected)
    masks = segment_map == ids[:, None, None]
    masks[1] |= masks[0]  # overlapping: from row 1 and column 2 to the last pixel
    expected[1] = torch.tensor([0.6, 0.625, 0.8, 0.75])
    dense = SegmentTargets.from_masks(labels, masks)
    torch.testing.assert_close(dense.boxes, expected)


def test_pixel_logits_are_the_product_and_the_bias():
    embed = torch.tensor([[[[1.0, 2.0]]], [[[0.0, -1.0]]]])  # two layers, one class
    features = torch.tensor([[[[3.0, 4.0]], [[5.0, 6.0]]]])  # (1, 2, 1, 2)
    predictions = PixelPredictions(embed, features, torch.tensor([0.5]))
    # layer 0: 1 * (3, 4) + 2 * (5, 6) + 0.5; the last layer: -(5, 6) + 0.5
    assert predictions.class_logits(0).tolist() == [[[[13.5, 16.5]]]]
    answer = predictions.layer()
    assert answer.class_logits is None
    assert answer.mask_logits.tolist() == [[[[-4.5, -5.5]]]]
    ((classes, masks),) = answer.images()
    assert classes is None
    assert masks.tolist() == [[[-4.5, -5.5]]]


class Sizes(TorchDispatchMode):
    """Number of elements of every tensor that is made."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        self.seen += [made.numel()] if isinstance(made, torch.Tensor) else []
        return made


def test_images_give_one_gradient_of_the_batch():
    """An index would give one of that size for each image, 0 but for its own part."""
    features = torch.ones(1, 8, 4, 3, 5, requires_grad=True)
    embed, logits = torch.ones(2, 8, 6, 4), torch.ones(2, 8, 6, 3)
    images = Predictions(logits, embed, features).images()
    total = sum(n * image.mask_features.sum() for n, image in enumerate(images))
    with Sizes() as sizes:
        total.backward()
    # the joined gradient, and the leaf's view of it; by index there are 17
    assert sizes.seen.count(features.numel()) == 2
    assert features.grad[0, :, 0, 0, 0].tolist() == list(range(8))
