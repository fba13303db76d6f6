"""Semantic FPN and BiFPN against slow references (Mask2Former's Table 4e)."""

from __future__ import annotations

import math
import re

import pytest
import torch

from mmseg_maskformer.core.bifpn import BiFPNPixelDecoder, FusionNode, resampled
from mmseg_maskformer.core.pixel_decoders import FPNPixelDecoder, TransformerEncoder
from mmseg_maskformer.core.semantic_fpn import SemanticFPNPixelDecoder
from tests import reference_ablations as reference
from tests.weights import randomise

WIDTHS, SIZES = (6, 4, 10, 8), ((8, 16), (4, 8), (2, 4), (1, 2))
SMALL = dict(out_channels=8, mask_channels=6, num_groups=2)
REFERENCES = {
    SemanticFPNPixelDecoder: (reference.semantic_fpn, {}),
    BiFPNPixelDecoder: (reference.bifpn, dict(num_rounds=2)),
}


def maps(widths=WIDTHS, sizes=SIZES):
    generator = torch.Generator().manual_seed(1)
    options = dict(generator=generator, dtype=torch.float64, requires_grad=True)
    return [
        torch.randn(2, width, *size, **options)
        for width, size in zip(widths, sizes, strict=True)
    ]


def built(kind, widths=WIDTHS, **options):
    torch.manual_seed(0)
    return randomise(kind(widths, **SMALL, **options)).double()


def of_reference(slow, weights, features, *rounds):
    """Mask features, and the memories, of a batch of two."""
    images = [slow(weights, [x[b] for x in features], 2, *rounds) for b in range(2)]
    found = [torch.stack([mask for mask, _ in images])]
    return found + [torch.stack(x) for x in zip(*(m for _, m in images), strict=True)]


def assert_as_slow(model, features, slow, *rounds):
    """What the model makes of the maps, and the reference, after comparing them."""
    wanted = of_reference(slow, dict(model.named_parameters()), features, *rounds)
    found = model(features)
    results = [found.mask_features, *found.memories]
    for ours, theirs in zip(results, wanted, strict=True):
        torch.testing.assert_close(ours, theirs)
    return results, wanted


@pytest.mark.parametrize("kind", REFERENCES)
def test_maps_and_gradients_are_those_of_the_slow_reference(kind):
    slow, options = REFERENCES[kind]
    model, features = built(kind, **options), maps()
    results, wanted = assert_as_slow(model, features, slow, *options.values())
    weights = dict(model.named_parameters())
    inputs = [*features, *(p for n, p in weights.items() if not is_fusion(n))]
    gradients = [
        torch.autograd.grad(sum(x.square().sum() for x in y), inputs)
        for y in (results, wanted)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def is_fusion(name):
    """Whether a parameter holds weights of a node, numbers to the reference."""
    return re.fullmatch(r"rounds\.\d\.(down|up)\.\d\.weight", name) is not None


def test_weights_of_a_node_are_normalised_and_their_gradient_is_exact():
    node = FusionNode(3, 4, 1).double()
    node.weight.data = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    node.depthwise, node.pointwise = torch.nn.Identity(), torch.nn.Identity()
    a, b, c = (torch.full((1, 4, 2, 2), x, dtype=torch.float64) for x in (5.0, 9.0, 1))
    mean = (5 + 3 * 1) / (4 + 1e-4)  # the negative weight counts nothing
    found = node(a, b, c)
    swish = mean / (1 + math.exp(-mean))
    torch.testing.assert_close(found, torch.full_like(a, swish))

    def fused(weight):
        return torch.func.functional_call(node, {"weight": weight}, (a, b, c))

    assert torch.autograd.gradcheck(fused, node.weight)


def test_every_round_starts_from_equal_weights():
    model = BiFPNPixelDecoder(WIDTHS, **SMALL)
    assert len(model.rounds) == 6
    found = [x.numel() for n, x in model.named_parameters() if is_fusion(n)]
    assert found == 6 * [2, 2, 2, 3, 3, 2]
    assert all(
        bool((x == 1).all()) for n, x in model.named_parameters() if is_fusion(n)
    )


def test_maps_of_one_size_are_fused_as_they_are():
    equal = maps(sizes=((8, 16), (4, 8), (4, 8), (4, 8)))  # of the scenes
    for kind, (slow, options) in REFERENCES.items():
        assert_as_slow(built(kind, **options), equal, slow, *options.values())


def test_maps_of_odd_sizes_are_halved_too():
    x = torch.arange(35.0, 0.0, -1).view(1, 1, 5, 7)
    # of falling numbers the first of rows 0 to 1, 1 to 3 and 3 to 4 is the highest
    wanted = x[:, :, [0, 1, 3]][..., [0, 1, 3, 5]]
    assert torch.equal(resampled(x, (3, 4)), wanted)


def test_memories_of_semantic_fpn_are_those_of_fpn():
    encoder = TransformerEncoder(1, embed_dim=8, num_heads=2, ffn_dim=16).eval()
    model = built(SemanticFPNPixelDecoder, encoder=encoder)
    fpn = built(FPNPixelDecoder, encoder=encoder, multi_scale_memory=True)
    fpn.load_state_dict(model.fpn.state_dict())
    features = maps()
    for ours, theirs in zip(
        model(features).memories, fpn(features).memories, strict=True
    ):
        assert torch.equal(ours, theirs)


def bifpn_of_two(weights, features, groups):
    """One round of the reference's fusion of two maps."""
    a, b = (
        reference.conv(weights, f"input_convs.{i}", x, groups)
        for i, x in enumerate(features)
    )
    large = reference.nearest(b, SIZES[0])
    a = reference.node(weights, "rounds.0.down.0", (a, large), groups)
    small = reference.halved(a, SIZES[1])
    b = reference.node(weights, "rounds.0.up.0", (b, small), groups)
    return reference.conv(weights, "mask_conv", a), [b, a]


@pytest.mark.parametrize(
    ("kind", "slow", "options"),
    [
        (SemanticFPNPixelDecoder, reference.semantic_fpn, {}),
        (BiFPNPixelDecoder, bifpn_of_two, dict(num_rounds=1)),
    ],
)
def test_fewer_maps(kind, slow, options):
    model = built(kind, WIDTHS[:2], **options)
    assert model.memory_channels == (8, 8)
    assert_as_slow(model, maps(WIDTHS[:2], SIZES[:2]), slow)


def test_one_map_cannot_be_fused():
    with pytest.raises(ValueError, match=r"in_channels=\[6\] is one map.*FPNPixelDec"):
        BiFPNPixelDecoder([6], **SMALL)
    with pytest.raises(ValueError, match="out_channels=8 must be divisible"):
        BiFPNPixelDecoder(WIDTHS, **dict(SMALL, num_groups=3))


@pytest.mark.parametrize("kind", REFERENCES)
def test_other_maps_than_it_was_built_for(kind):
    with pytest.raises(ValueError, match=r"have \[6, 4, 10\] channels, but in_channe"):
        built(kind)(maps()[:3])
