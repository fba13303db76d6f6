"""What each switch of the masked decoder does (Mask2Former's Table 4)."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmseg_maskformer.core.layers import grid_position
from mmseg_maskformer.core.masked_decoder import MaskedTransformerDecoder
from tests.helpers.masked_decoder import (
    QUERIES,
    WIDTH,
    mask_head,
    pixel_features,
    random_decoder,
)

SIZES = ((2, 3), (4, 6), (8, 12))
VARIANTS = [
    dict(attention="plain"),
    dict(attention="gaussian"),
    dict(attention="pooling"),
    dict(levels=(2, 0)),
    dict(joined_levels=True),
    dict(joined_levels=True, attention="gaussian"),
    dict(joined_levels=True, attention="pooling", levels=[1, 2]),
    dict(content="learned"),
    dict(content="zero"),
    dict(content="zero", attention="pooling"),
    dict(content="zero", cross_first=False, dropout=0.1),
]


def names(options):
    return "-".join(f"{key}={value}" for key, value in options.items())


def no_masks(content):
    raise AssertionError("a mask is formed between layers")


@torch.no_grad()
def test_plain_attention_is_masked_attention_that_hides_nothing():
    given, zeros = pixel_features(), nn.Linear(WIDTH, 8)
    nn.init.zeros_(zeros.weight)
    nn.init.zeros_(zeros.bias)
    plain, masked = (random_decoder(attention=x) for x in ("plain", "masked"))
    assert plain.state_dict().keys() == masked.state_dict().keys()
    torch.testing.assert_close(plain(given, no_masks), masked(given, zeros))


@torch.no_grad()
def test_smca_forms_no_masks():
    random_decoder(attention="gaussian")(pixel_features(), no_masks)


@torch.no_grad()
@pytest.mark.parametrize(
    ("options", "read"),
    [
        (dict(), [0, 1, 2, 0]),
        (dict(levels=[0]), [0, 0, 0, 0]),
        (dict(levels=[1]), [1, 1, 1, 1]),
        (dict(levels=(2, 0)), [2, 0, 2, 0]),
        (dict(levels=(0, 1, 2), num_layers=2), [0, 1]),
        (dict(joined_levels=True, levels=(0, 2)), [(0, 2)] * 4),
        (dict(joined_levels=True, num_layers=1), [(0, 1, 2)]),
    ],
    ids=str,
)
def test_layers_read_the_levels_in_turn_and_no_others(options, read):
    """A change of a memory shows in the first layer that reads it, and not before."""
    model, given, head = random_decoder(**options), pixel_features(), mask_head()
    before = model(given, head)
    read = [x if isinstance(x, tuple) else (x,) for x in read]
    for level in range(3):
        memories = [
            x + torch.randn(x.shape) * (i == level)
            for i, x in enumerate(given.memories)
        ]
        after = model(given._replace(memories=tuple(memories)), head)
        change = (after - before).abs().amax((1, 2, 3))[1:]
        first = next((i for i, x in enumerate(read) if level in x), len(read))
        assert (change[:first] == 0).all()
        assert (change[first:] > 1e-3).all()


@torch.no_grad()
def test_a_level_keeps_its_own_embedding():
    """Reading memory 1 alone is reading one memory that has the embedding of 1."""
    model, given, head = random_decoder(levels=[1]), pixel_features(), mask_head()
    alone = random_decoder((WIDTH,))
    table = dict(model.state_dict())
    table["level_embed.weight"] = table["level_embed.weight"][1:2]
    alone.load_state_dict(table)
    found = alone(given._replace(memories=given.memories[1:2]), head)
    assert torch.equal(model(given, head), found)


@torch.no_grad()
def test_joined_levels_are_concatenated_tokens_and_masks():
    """Against masks of full size, resized to each level and put side by side."""
    model, given, head = (
        random_decoder(joined_levels=True, num_layers=3),
        pixel_features(),
        mask_head(),
    )
    position = model.query_embed.weight[None]
    tokens, places = [], []
    for memory, embed in zip(given.memories, model.level_embed.weight, strict=True):
        tokens.append(memory.flatten(2).mT + embed)
        places.append(grid_position(memory, None, WIDTH)[0])
    tokens, places = torch.cat(tokens, 1), torch.cat(places, 1)
    content = model.query_content.weight.expand(2, -1, -1)
    wanted = [model.norm(content)]
    for layer in model.layers:
        embed = head(wanted[-1])
        logits = torch.einsum("bqc,bchw->bqhw", embed, given.mask_features)
        small = [F.interpolate(logits, x, mode="bilinear").flatten(2) for x in SIZES]
        blocked = torch.cat(small, -1).sigmoid() < 0.5
        blocked[blocked.all(-1)] = False
        content = layer(content, position, tokens, places, blocked)
        wanted.append(model.norm(content))
    torch.testing.assert_close(model(given, head), torch.stack(wanted))


@torch.no_grad()
@pytest.mark.parametrize("attention", ["masked", "plain", "gaussian", "pooling"])
def test_weights_in_half_precision_see_nearly_the_same(attention):
    """bfloat16 has 8 bits: the first layer, before a mask of it can turn, to 3 %."""
    model = random_decoder(attention=attention, num_layers=1)
    given, head = pixel_features(), mask_head()
    wanted = model(given, head)[-1]
    memories = tuple(x.bfloat16() for x in given.memories)
    found = model.bfloat16()(given._replace(memories=memories), head.bfloat16())[-1]
    assert found.dtype == torch.bfloat16
    assert (found - wanted).abs().mean() < 0.03 * wanted.abs().mean()


@torch.no_grad()
def test_learned_content_without_supervision_is_one_output_less():
    given, head = pixel_features(), mask_head()
    all_of_them = random_decoder()(given, head)
    assert torch.equal(random_decoder(content="learned")(given, head), all_of_them[1:])


@torch.no_grad()
def test_zero_content_is_not_learned_and_the_first_layer_sees_everything():
    model, given, head = random_decoder(content="zero"), pixel_features(), mask_head()
    assert not [x for x in model.state_dict() if "query_content" in x]
    memory, layer = given.memories[0], model.layers[0]
    first = layer(
        torch.zeros(2, QUERIES, WIDTH),
        model.query_embed.weight[None],
        memory.flatten(2).mT + model.level_embed.weight[0],
        grid_position(memory, None, WIDTH)[0],
        None,
    )
    found = model(given, head)
    assert found.shape == (4, 2, QUERIES, WIDTH)
    torch.testing.assert_close(found[0], model.norm(first))
    other = model(given._replace(mask_features=-given.mask_features), head)
    change = (found - other).abs().amax((1, 2, 3))
    assert change[0] == 0  # no mask before layer 0
    assert (change[1:] > 1e-3).all()


@torch.no_grad()
@pytest.mark.parametrize("cross_first", [True, False])
@pytest.mark.parametrize("attention", ["masked", "pooling"])
def test_order_in_a_layer(cross_first, attention):
    model = random_decoder(cross_first=cross_first, attention=attention, num_layers=1)
    called = []
    for name, block in model.layers[0].named_children():
        block.register_forward_hook(lambda *_, name=name: called.append(name))
    model(pixel_features(), mask_head())
    attentions = ["cross_attention", "self_attention"][:: 1 if cross_first else -1]
    assert called == [*attentions, "feed_forward"]


@torch.no_grad()
@pytest.mark.parametrize("options", [{}, *VARIANTS], ids=names)
def test_what_is_in_padding_changes_nothing(options):
    model, head, given = random_decoder(**options), mask_head(), pixel_features()
    valid = torch.tensor([[1.0, 1.0], [0.5, 2 / 3]], dtype=torch.float64)
    before = model(given, head, valid)
    for memory in given.memories:
        height, width = memory.shape[-2:]
        memory[1, :, height // 2 :] += 1.0
        memory[1, :, :, 2 * width // 3 :] += 1.0
    torch.testing.assert_close(model(given, head, valid), before)
    last = (model(given, head)[-1, 1] - before[-1, 1]).abs().amax(-1)
    assert last.min() > 1e-3


@pytest.mark.parametrize("options", VARIANTS, ids=names)
@pytest.mark.parametrize("half", [False, True])
def test_every_parameter_trains(options, half):
    """As many processes need it; the same in half precision."""
    model, head = random_decoder(**options).train(), mask_head()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        embed = head(model(pixel_features(), head))
    embed.float().square().sum().backward()
    for name, x in model.named_parameters():
        assert x.grad is not None, name
        assert x.grad.isfinite().all(), name
        keys_alone = ("attention.in_proj_bias", "norm.bias")
        assert x.grad.abs().max() > 0 or name.endswith(keys_alone), name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(attention="mask"), r"attention='mask' is none of \('masked', "),
        (dict(attention=None), r"attention=None is none of \('masked', 'plain'"),
        (dict(content="none"), r"content='none' is none of \('supervised', 'learned'"),
        (
            dict(levels=[3]),
            r"levels=\[3\] must list memories .*has \[0, 1, 2\], coarse",
        ),
        (
            dict(levels=[]),
            r"levels=\[\] must list memories .*levels=\[0\], or leave it",
        ),
        (dict(levels=0), r"levels=0 must list memories"),
        (dict(levels="0"), r"levels='0' must list memories"),
        (dict(levels=[1, 1]), r"levels=\[1, 1\] must list memories .*each once"),
        (dict(levels=[-1]), r"levels=\[-1\] must list memories"),
    ],
)
def test_settings_that_mean_nothing(options, message):
    with pytest.raises(ValueError, match=message):
        MaskedTransformerDecoder((WIDTH,) * 3, **options)
