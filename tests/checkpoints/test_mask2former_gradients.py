"""Gradients of every parameter of the head beside Hugging Face's, in float64."""

from __future__ import annotations

import torch

from mmseg_maskformer.checkpoints.convert import from_ours
from mmseg_maskformer.checkpoints.mask2former import HUGGINGFACE_MASK2FORMER
from tests.helpers.mask2former import SMALL, huggingface_model, segmentor
from tests.weights import randomise


def test_gradients_of_all_layers_are_those_of_the_peer():
    """Of the same function of class and mask logits, the predictions before it too."""
    ours, peer = segmentor(3, **SMALL).double(), huggingface_model().double()
    randomise(ours)
    weights = from_ours(ours.state_dict(), HUGGINGFACE_MASK2FORMER)
    peer.load_state_dict(weights, strict=False)
    image = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    outputs = peer(image.double(), output_auxiliary_logits=True)
    with torch.no_grad():
        maps = peer.model.pixel_level_module.encoder(image.double()).feature_maps
    found = ours.decode_head(maps)
    layers = [*outputs.auxiliary_logits, outputs]
    assert len(layers) == len(found.class_logits) == 5
    totals = torch.zeros(2, dtype=torch.float64)
    for layer, theirs in enumerate(layers):
        pairs = (
            (found.class_logits[layer], theirs["class_queries_logits"]),
            (found.mask_logits(layer), theirs["masks_queries_logits"]),
        )
        for pair in pairs:  # their positions are in float32
            torch.testing.assert_close(*pair, rtol=0, atol=1e-5)
            factors = torch.randn(pair[0].shape, dtype=torch.float64)
            totals = totals + torch.stack([(x * factors).sum() for x in pair])
    totals.sum().backward()
    named = {n: torch.zeros_like(x) for n, x in ours.state_dict().items()}
    named |= {n: x.grad for n, x in ours.decode_head.named_parameters("decode_head")}
    gradients = from_ours(named, HUGGINGFACE_MASK2FORMER)
    compared = 0
    for name, parameter in peer.named_parameters():
        if ".encoder.swin." in name or ".hidden_states_norms." in name:
            continue  # of the backbone
        gap = (gradients[name] - parameter.grad).abs().max()
        assert gap < 1e-6 * parameter.grad.abs().max() + 1e-12, name
        compared += 1
    assert compared > 150
