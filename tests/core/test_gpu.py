"""On CUDA: the numbers of the CPU, reproducible, with one wait for the matching."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from mmseg_maskformer.core.box_losses import BoxL1Loss, GIoULoss
from mmseg_maskformer.core.criterion import SetCriterion
from mmseg_maskformer.core.deformable import MSDeformAttnPixelDecoder
from mmseg_maskformer.core.fixed_assigner import FixedAssigner
from mmseg_maskformer.core.inference import semantic_labels, semantic_scores
from mmseg_maskformer.core.instances import instances
from mmseg_maskformer.core.losses import BCEMaskLoss, DiceLoss, FocalMaskLoss
from mmseg_maskformer.core.mask_comparison import PointMasks
from mmseg_maskformer.core.masked_decoder import MaskedTransformerDecoder
from mmseg_maskformer.core.maskformer import MaskFormer
from mmseg_maskformer.core.panoptic import detr_segments, panoptic_segments
from mmseg_maskformer.core.pixel_criterion import PixelCriterion
from mmseg_maskformer.core.structures import PixelPredictions, Predictions
from mmseg_maskformer.core.targets import semantic_targets
from mmseg_maskformer.core.tiling import Placement
from tests import cases
from tests.checks import assert_gradients_equal, assert_losses_equal

pytestmark = pytest.mark.gpu


def on_gpu(target):
    """The same targets with every tensor on the GPU."""
    moved = {
        field.name: value.cuda()
        for field in dataclasses.fields(target)
        if isinstance(value := getattr(target, field.name), torch.Tensor)
    }
    return dataclasses.replace(target, **moved)


def problem(void=False):
    """Predictions and targets on the CPU."""
    case = cases.random_case([5, 0, 20], num_classes=30, num_queries=25, size=(65, 90))
    generator = torch.Generator().manual_seed(0)
    embed = torch.randn(2, 3, 25, 16, generator=generator)
    features = torch.randn(3, 16, 17, 23, generator=generator)
    targets = case.targets
    if void:
        inside = torch.rand(65, 90, generator=generator) > 0.3
        targets = [(*target, inside) for target in targets]
    logits = case.class_logits.detach()
    return Predictions(logits, embed, features[None]), cases.as_targets(targets)


def losses_and_gradients(predictions, targets):
    leaves = [x.clone().requires_grad_() for x in predictions[:3]]
    losses = SetCriterion()(Predictions(*leaves), targets)
    grads = torch.autograd.grad(sum(losses.values()), leaves)
    return {k: v.detach().cpu() for k, v in losses.items()}, [x.cpu() for x in grads]


@pytest.mark.parametrize("void", [False, True])
def test_criterion_equals_that_of_the_cpu(void):
    predictions, targets = problem(void)
    moved = Predictions(*(x.cuda() for x in predictions[:3]))
    wanted, wanted_grads = losses_and_gradients(predictions, targets)
    found, grads = losses_and_gradients(moved, [on_gpu(x) for x in targets])
    assert_losses_equal(found, wanted, rtol=1e-4)  # products may run in TF32
    assert_gradients_equal(grads, wanted_grads, tolerance=1e-3)


def test_gradients_are_reproducible():
    predictions, targets = problem()
    moved = Predictions(*(x.cuda() for x in predictions[:3]))
    targets = [on_gpu(x) for x in targets]
    first, second = (losses_and_gradients(moved, targets)[1] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def copies_to_the_host(criterion, predictions, targets):
    """How many there are in a step that is not the first, backward included."""
    given = {name: x for name, x in predictions._asdict().items() if x is not None}
    leaves = {name: x.cuda().requires_grad_() for name, x in given.items()}
    moved = predictions._replace(**leaves)

    def step(targets):
        losses = criterion(moved, targets)
        torch.autograd.grad(sum(losses.values()), list(leaves.values()))

    step([on_gpu(x) for x in targets])
    targets = [on_gpu(x) for x in targets]  # without what the first step has kept
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        step(targets)
        torch.cuda.synchronize()
    events = profile.events()
    assert any(event.device_type == torch.autograd.DeviceType.CUDA for event in events)
    return sum("Memcpy DtoH" in event.name for event in events)


def test_one_copy_to_the_host_per_step():
    assert copies_to_the_host(SetCriterion(), *problem()) == 1


def run_variant(criterion, predictions, targets, device):
    """Losses and gradients of one of the paper's variants on a device."""
    leaves = [x.detach().to(device) for x in predictions if x is not None]
    leaves = [x.requires_grad_() for x in leaves]
    found = dict(zip(predictions._fields, leaves, strict=False))
    losses = criterion(type(predictions)(**found), targets)
    grads = torch.autograd.grad(sum(losses.values()), leaves)
    return {k: v.detach().cpu() for k, v in losses.items()}, [x.cpu() for x in grads]


class SamePoints(PointMasks):
    """The same points on every device and for every mask."""

    def random_points(self, shape, like):
        generator = torch.Generator().manual_seed(shape[-1])
        points = torch.rand(shape[-1], 2, generator=generator)
        return points.to(like).expand(*shape, 2).clone()


def variants():
    """Criteria, predictions and targets: boxes, points, fixed matching and pixels."""
    predictions, targets = problem()
    generator = torch.Generator().manual_seed(1)
    boxes = torch.rand(2, 3, 25, 4, generator=generator).clamp(min=0.05)
    labels = torch.randint(31, (3, 65, 90), generator=generator)
    pixels = PixelPredictions(
        torch.randn(2, 3, 30, 16, generator=generator), predictions.mask_features[0]
    )
    classes = semantic_targets(labels.where(labels < 30, 255), num_classes=30)
    per_class = Predictions(
        torch.randn(2, 3, 30, 31, generator=generator),
        *(pixels.class_embed, predictions.mask_features),
    )
    return {
        "boxes": (
            SetCriterion(loss_bbox=BoxL1Loss(), loss_giou=GIoULoss()),
            *(predictions._replace(boxes=boxes), targets),
        ),
        "points": (
            SetCriterion(loss_mask=BCEMaskLoss(), masks=SamePoints(num_points=2000)),
            *(predictions, targets),
        ),
        "fixed": (SetCriterion(assigner=FixedAssigner()), per_class, classes),
        "pixels": (PixelCriterion(), pixels, classes),
        "class masks": (
            PixelCriterion(1, FocalMaskLoss(), DiceLoss()),
            pixels,
            classes,
        ),
    }


COPIES = {"boxes": 1, "points": 1, "fixed": 1, "pixels": 0, "class masks": 0}


@pytest.mark.parametrize("name", COPIES)
def test_variants_copy_to_the_host_for_the_matching_alone(name):
    assert copies_to_the_host(*variants()[name]) == COPIES[name]


@pytest.mark.parametrize("name", COPIES)
def test_variants_equal_those_of_the_cpu_and_are_reproducible(name, monkeypatch):
    criterion, predictions, targets = variants()[name]
    wanted, wanted_grads = run_variant(criterion, predictions, targets, "cpu")
    targets = [on_gpu(x) for x in targets]
    found, grads = run_variant(criterion, predictions, targets, "cuda")
    assert_losses_equal(found, wanted, rtol=1e-4)  # products may run in TF32
    assert_gradients_equal(grads, wanted_grads, tolerance=1e-3)
    if name == "points":  # points that share a cell are added in any order
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    try:
        runs = [run_variant(criterion, predictions, targets, "cuda") for _ in range(2)]
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(map(torch.equal, runs[0][1], runs[1][1]))


def test_mask2former_equals_that_of_the_cpu():
    """In float64, where no mask bit turns by rounding: outputs and gradients.

    Positions are float32, and their sines differ in the last digit.
    """
    torch.manual_seed(0)
    pixels = MSDeformAttnPixelDecoder(
        [8, 16, 24, 32], 32, mask_channels=16, num_layers=2, num_heads=4, num_groups=8
    )
    queries = MaskedTransformerDecoder(
        pixels.memory_channels, 7, num_layers=4, embed_dim=32, num_heads=4, ffn_dim=64
    )
    network = MaskFormer(pixels, queries, num_classes=5).double()
    sizes = [(24, 40), (12, 20), (6, 10), (3, 5)]
    features = [
        torch.randn(2, width, *size, dtype=torch.float64)
        for width, size in zip(pixels.in_channels, sizes, strict=True)
    ]

    def outputs_and_gradients(device):
        parts = list(network.to(device).parameters())
        found = network([x.to(device) for x in features])
        outputs = [found.class_logits, *(found.mask_logits(i) for i in range(5))]
        grads = torch.autograd.grad(sum(x.square().mean() for x in outputs), parts)
        return [x.detach().cpu() for x in (*outputs, *grads)]

    wanted = outputs_and_gradients("cpu")
    for found, value in zip(outputs_and_gradients("cuda"), wanted, strict=True):
        torch.testing.assert_close(found, value, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("tile", [1, 5000, 10**8])
def test_tiled_labels_equal_the_dense_argmax(tile, set_tile):
    set_tile(tile)
    generator = torch.Generator().manual_seed(0)
    class_logits = 2 * torch.randn(1, 30, 12, generator=generator).cuda()
    mask_logits = 4 * torch.randn(1, 30, 17, 23, generator=generator).cuda()
    scores = semantic_scores(class_logits, mask_logits, (65, 90))[0]
    found = semantic_labels(class_logits[0], mask_logits[0], Placement.whole((65, 90)))
    gap = scores.max(0).values - scores.gather(0, found[None])[0]
    assert gap.max() < 2e-3  # products may run in TF32
    assert (found == scores.argmax(0)).double().mean() > 0.99


@pytest.mark.parametrize("rule", [panoptic_segments, detr_segments])
def test_panoptic_maps_are_those_of_the_cpu(rule):
    outputs = class_and_mask_logits()
    placement = Placement((65, 90), (0, 60, 0, 84), (70, 101))
    expected = rule(*outputs, placement, 4)
    found = rule(*(x.cuda() for x in outputs), placement, 4)
    assert found.labels.tolist() == expected.labels.tolist()
    same = (found.segment_map.cpu() == expected.segment_map).double().mean()
    assert same > 0.999  # ties of rounding


def test_instances_are_those_of_the_cpu():
    outputs = class_and_mask_logits()
    placement = Placement((65, 90), (0, 60, 0, 84), (70, 101))
    expected = instances(*outputs, placement, 4)
    found = instances(*(x.cuda() for x in outputs), placement, 4)
    order, wanted = found.scores.cpu().argsort(), expected.scores.argsort()
    torch.testing.assert_close(
        found.scores.cpu()[order], expected.scores[wanted], rtol=1e-4, atol=1e-6
    )
    assert torch.equal(found.labels.cpu()[order], expected.labels[wanted])


def class_and_mask_logits():
    """Of 20 queries and 7 classes, half of them sure: (Q, K + 1) and (Q, h, w)."""
    generator = torch.Generator().manual_seed(0)
    class_logits = torch.randn(20, 8, generator=generator)
    class_logits[torch.arange(10), torch.arange(10) % 7] += 9.0
    centres = torch.rand(20, 2, 1, 1, generator=generator)
    rows, columns = torch.linspace(0, 1, 17)[:, None], torch.linspace(0, 1, 23)
    distance = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2
    return class_logits, 4 - 120 * distance
