"""Cross-entropy of pixels: streamed equals dense, closed forms, properties."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from mmseg_maskformer.core.losses import DiceLoss, FocalMaskLoss
from mmseg_maskformer.core.pixel_criterion import PixelCriterion, pixel_cross_entropy
from mmseg_maskformer.core.structures import PixelPredictions
from mmseg_maskformer.core.targets import semantic_targets
from mmseg_maskformer.core.tiling import add_rows_transposed, resize_rows
from tests import reference, reference_variants

SIZES = [  # prediction grid, labels
    ((8, 10), (32, 40)),
    ((9, 13), (33, 50)),
    ((5, 7), (17, 27)),
    ((6, 6), (6, 6)),
    ((1, 3), (2, 9)),
    ((40, 9), (11, 70)),
]


def problem(grid, size, num_classes=5, images=2, dtype=torch.float64, seed=0):
    """Logits (B, K, h, w) and labels (B, H, W), a fifth of them void (-1)."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, num_classes, *grid, generator=generator, dtype=dtype)
    labels = torch.randint(num_classes, (images, *size), generator=generator)
    void = torch.rand(images, *size, generator=generator) < 0.2
    return (4 * logits).requires_grad_(), labels.masked_fill(void, -1)


@pytest.mark.parametrize("tile", [1, 1000, 10**7])
@pytest.mark.parametrize(("grid", "size"), SIZES)
def test_streamed_equals_the_reference_for_any_size_and_tile(
    grid, size, tile, set_tile
):
    set_tile(tile)
    logits, labels = problem(grid, size)
    found = 3.5 * pixel_cross_entropy(logits, labels)
    wanted = 3.5 * reference_variants.cross_entropy(logits, labels)
    # the places of rows are float32: 2e-6 of a cell where there are 40
    assert found.item() == pytest.approx(wanted.item(), rel=1e-6)
    found, wanted = (torch.autograd.grad(x, logits)[0] for x in (found, wanted))
    assert (found - wanted).abs().max() < 5e-6 * wanted.abs().max()


@pytest.mark.parametrize(("grid", "size"), SIZES)
def test_equals_that_of_torch_on_upsampled_logits(grid, size, set_tile):
    set_tile(2000)
    logits, labels = problem(grid, size, num_classes=30, dtype=torch.float32)
    large = F.interpolate(logits, size, mode="bilinear", align_corners=False)
    wanted = F.cross_entropy(large, labels, ignore_index=-1)
    found = pixel_cross_entropy(logits, labels)
    assert found.item() == pytest.approx(wanted.item(), rel=2e-6)
    found, wanted = (torch.autograd.grad(x, logits)[0] for x in (found, wanted))
    assert (found - wanted).abs().max() < 1e-5 * wanted.abs().max()


@pytest.mark.parametrize(("grid", "size"), SIZES)
@pytest.mark.parametrize("step", [1, 4, 100])
def test_bands_back_are_the_transpose_of_bands_forth(grid, size, step):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, *grid, generator=generator, dtype=torch.float64)
    y = torch.randn(3, *size, generator=generator, dtype=torch.float64)
    total = torch.zeros_like(x)
    for start in range(0, size[0], step):
        rows = (start, min(start + step, size[0]))
        band = y[:, slice(*rows)]
        forth = (resize_rows(x, size, rows) * band).sum()
        back = torch.zeros_like(x)
        for out in (back, total):
            add_rows_transposed(out, band, size, rows)
        scale = band.norm() * x.norm()
        # shares of rows are float32: 1 - share is rounded, 6e-8
        assert abs(forth - (back * x).sum()) < 2e-7 * scale
    whole = reference.resize_bilinear(x, size)
    assert ((whole * y).sum() - (total * x).sum()).abs() < 1e-5 * y.norm() * x.norm()


def test_closed_form():
    # one pixel a cell; two classes, logits (0, log 3): probabilities 1/4 and 3/4
    logits = torch.zeros(1, 2, 1, 3)
    logits[0, 1] = math.log(3)
    logits.requires_grad_()
    labels = torch.tensor([[[0, 1, -1]]])
    loss = pixel_cross_entropy(logits, labels)
    assert loss.item() == pytest.approx((math.log(4) + math.log(4 / 3)) / 2)
    loss.backward()
    # (p - 1) / 2 of the right class and p / 2 of the other; none of the void pixel
    expected = [[[-0.375, 0.125, 0.0]], [[0.375, -0.125, 0.0]]]
    torch.testing.assert_close(logits.grad[0], torch.tensor(expected))


def test_large_logits_do_not_overflow():
    logits = torch.tensor([1e4, -1e4]).view(1, 2, 1, 1).requires_grad_()
    right, wrong = (
        pixel_cross_entropy(logits, torch.tensor([[[k]]])) for k in range(2)
    )
    assert right.item() == 0.0
    assert wrong.item() == pytest.approx(2e4)
    (gradient,) = torch.autograd.grad(wrong, logits)
    assert gradient.flatten().tolist() == [1.0, -1.0]


def test_the_mean_is_over_the_pixels_of_the_batch():
    logits, labels = problem((8, 10), (32, 40))
    labels[0, :30] = -1
    both = pixel_cross_entropy(logits, labels)
    parts = [pixel_cross_entropy(logits[b, None], labels[b, None]) for b in range(2)]
    first, second = (labels >= 0).flatten(1).sum(1).tolist()
    assert first < 0.1 * second
    mean = (first * parts[0] + second * parts[1]) / (first + second)
    assert both.item() == pytest.approx(mean.item(), rel=1e-12)


def test_void_everywhere_is_zero_with_a_zero_gradient():
    logits, labels = problem((8, 10), (32, 40))
    loss = pixel_cross_entropy(logits, torch.full_like(labels, -1))
    assert loss.item() == 0.0
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.abs().max() == 0.0


def predictions(num_layers=3, bias=True, dtype=torch.float32, seed=0):
    """A per-pixel model's outputs of two images: 5 classes, 16 channels, 8 x 10."""
    generator = torch.Generator().manual_seed(seed)
    embed = torch.randn(num_layers, 2, 5, 16, generator=generator)
    features = torch.randn(2, 16, 8, 10, generator=generator)
    offset = torch.randn(5, generator=generator) if bias else None
    found = PixelPredictions(
        *(None if x is None else x.to(dtype) for x in (embed, features, offset))
    )
    for x in found:
        if x is not None:
            x.requires_grad_()
    return found


def label_maps(size=(32, 40)):
    _, labels = problem((8, 10), size)
    return torch.where(labels < 0, 255, labels)


def dense(found, layer, labels):
    """The reference's loss of one layer, and of its leaves in float64."""
    exact = [None if x is None else x.detach().double() for x in found]
    leaves = [x.requires_grad_() for x in exact if x is not None]
    logits = torch.einsum("bqc,bchw->bqhw", exact[0][layer], exact[1])
    if exact[2] is not None:
        logits = logits + exact[2][:, None, None]
    labels = torch.where(labels == 255, -1, labels)
    return reference_variants.cross_entropy(logits, labels), leaves


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("layer", "name"), [(0, "d0.loss_ce"), (2, "loss_ce")])
def test_each_layer_has_its_own_loss_and_gradient(layer, name, bias):
    found, labels = predictions(bias=bias), label_maps()
    losses = PixelCriterion(weight=2.0)(found, semantic_targets(labels, 5))
    assert list(losses) == ["d0.loss_ce", "d1.loss_ce", "loss_ce"]
    wanted, leaves = dense(found, layer, labels)
    assert losses[name].item() == pytest.approx(2 * wanted.item(), rel=1e-5)
    inputs = [x for x in found if x is not None]
    ours = torch.autograd.grad(1.5 * losses[name], inputs)  # one layer alone
    theirs = torch.autograd.grad(1.5 * 2 * wanted, leaves)
    for a, b in zip(ours, theirs, strict=True):
        assert (a - b).abs().max() < 1e-5 * b.abs().max()
    others = [x for x in range(3) if x != layer]
    assert ours[0][others].abs().max() == 0.0


def test_layers_can_be_weighted_anew():
    found, labels = predictions(), label_maps()
    losses = PixelCriterion()(found, semantic_targets(labels, 5))
    total = 0.25 * losses["d1.loss_ce"] - 2 * losses["loss_ce"]
    gradient = torch.autograd.grad(total, found.pixel_features)[0]
    parts = [dense(found, layer, labels) for layer in (1, 2)]
    parts = [torch.autograd.grad(loss, leaves[1])[0] for loss, leaves in parts]
    wanted = 0.25 * parts[0] - 2 * parts[1]
    assert (gradient - wanted).abs().max() < 1e-5 * wanted.abs().max()


@pytest.mark.parametrize("ignore_void", [False, True])
def test_mask_losses_are_those_of_every_class(ignore_void):
    found, labels = predictions(num_layers=2), label_maps((33, 38))
    labels[0][labels[0] == 3] = 255  # class 3 is absent from the first image
    targets = semantic_targets(labels, 5, ignore_void=ignore_void)
    criterion = PixelCriterion(0.0, FocalMaskLoss(20.0), DiceLoss(1.0))
    losses = criterion(found, targets)
    names = ["d0.loss_mask", "d0.loss_dice", "loss_mask", "loss_dice"]
    assert list(losses) == names
    logits = found.class_logits().detach().double().requires_grad_()
    large = reference.resize_bilinear(logits, (33, 38))
    masks = labels[:, None] == torch.arange(5)[:, None, None]
    valid = (labels != 255)[:, None] if ignore_void else torch.ones_like(masks[:, :1])
    terms = {"loss_mask": 0.0, "loss_dice": 0.0}
    for image in range(2):  # mean over 2 images and 5 classes
        arguments = (large[image], masks[image], valid[image], reference.Weights())
        terms["loss_mask"] += 20 * reference.mask_term(*arguments).sum() / 10
        terms["loss_dice"] += reference.dice_term(*arguments).sum() / 10
    for name, value in terms.items():
        assert losses[name].item() == pytest.approx(value.item(), rel=1e-5)
    gradient = torch.autograd.grad(losses["loss_dice"], found.bias)[0]
    wanted = torch.autograd.grad(terms["loss_dice"], logits)[0].sum(dim=(0, 2, 3))
    assert (gradient - wanted).abs().max() < 1e-5 * wanted.abs().max()


def test_perfect_prediction_costs_nothing_and_a_wrong_one_does():
    labels = label_maps((8, 10))
    labels[labels == 255] = 2
    one_hot = F.one_hot(labels, 5).movedim(-1, 1).float()  # (B, K, h, w)
    features = 60 * (2 * one_hot - 1)
    embed = torch.eye(5).expand(1, 2, 5, 5)
    criterion = PixelCriterion(1.0, FocalMaskLoss(), DiceLoss())
    targets = semantic_targets(labels, 5)
    losses = criterion(PixelPredictions(embed, features), targets)
    assert set(losses) == {"loss_ce", "loss_mask", "loss_dice"}
    assert all(float(value) < 1e-6 for value in losses.values())
    wrong = criterion(PixelPredictions(embed, features.roll(1, dims=1)), targets)
    assert wrong["loss_ce"].item() == pytest.approx(120, rel=1e-4)
    assert wrong["loss_mask"].item() > 100
    assert wrong["loss_dice"].item() > 0.9


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_are_float32_whatever_the_network_is(dtype):
    found, targets = predictions(dtype=dtype), semantic_targets(label_maps(), 5)
    exact = PixelPredictions(*(x.detach().float() for x in found))
    criterion = PixelCriterion(1.0, FocalMaskLoss(), DiceLoss())
    wanted = criterion(exact, targets)
    with torch.autocast("cpu", dtype=dtype):
        losses = criterion(found, targets)
    for name, value in losses.items():
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(wanted[name].item(), rel=1e-6)
    sum(losses.values()).backward()
    for x in found:
        assert x.grad.dtype == dtype
        assert torch.isfinite(x.grad).all()


def test_no_tensor_of_all_classes_and_pixels_is_kept():
    logits, labels = problem((32, 32), (128, 128), num_classes=20, images=1)
    saved = []

    def pack(x):
        saved.append(x)
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        loss = pixel_cross_entropy(logits, labels)
    numbers = sum(x.numel() for x in saved)
    assert 20 * 32 * 32 <= numbers <= 20 * 32 * 32 + 10  # the stride-4 gradient
    assert torch.isfinite(loss)


def test_weights_are_checked():
    with pytest.raises(ValueError, match="weight must be a number >= 0, got -1"):
        PixelCriterion(weight=-1)
    with pytest.raises(ValueError, match="weight=0 has no loss; set weight"):
        PixelCriterion(weight=0)
