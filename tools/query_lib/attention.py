"""What the queries of a model look at, and how much of it is their segment.

Letters: B images, Q queries, m cells of the memories that a layer reads, G segments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn

from mmseg_maskformer.adapters.segment_targets import without_crowds
from mmseg_maskformer.core.layers import AttentionBlock
from mmseg_maskformer.core.messages import image_name
from mmseg_maskformer.core.structures import PixelFeatures, map_size
from mmseg_maskformer.core.targets import SegmentTargets, semantic_targets
from mmseg_maskformer.visualization.images import picture_of_input

from .analysis import QueryError
from .recall import object_masks

Grids = tuple[tuple[int, int], ...]  # h and w of each memory that a layer reads


class LayerAttention(NamedTuple):
    """The attention of one decoder layer."""

    weights: Tensor  # (B, Q, m), mean over the heads; rows sum to one
    grids: Grids


class ImageAttention(NamedTuple):
    """The attention of the queries that are matched to the segments of one image."""

    image: np.ndarray  # (H, W, 3) uint8, RGB
    queries: np.ndarray  # (n,)
    labels: np.ndarray  # (n,) classes of their segments
    masks: np.ndarray  # (n, H, W) boolean, the segments
    areas: np.ndarray  # (n,) share of the input that a segment covers
    shares: np.ndarray  # (L, n) of the attention that is on the segment
    layers: list[list[np.ndarray]]  # of each layer maps (n, h, w), one for each memory


@torch.no_grad()
def attention_weights(
    block: AttentionBlock,
    x: Tensor,
    x_pos: Tensor,
    memory: Tensor,
    memory_pos: Tensor,
    blocked: Tensor | None = None,
) -> Tensor:
    """Attention weights (B, heads, n, m) of what an :class:`AttentionBlock` is given.

    The arguments are those of its ``forward``.
    """
    module = block.attention
    padding = blocked if blocked is not None and blocked.dim() == 2 else None
    mask = None
    if blocked is not None and blocked.dim() == 3:
        mask = blocked.repeat_interleave(module.num_heads, dim=0)
    elif blocked is not None and blocked.dim() == 4:
        mask = blocked.flatten(0, 1)
    _, weights = module(
        x + x_pos,
        memory + memory_pos,
        memory,
        key_padding_mask=padding,
        attn_mask=mask,
        average_attn_weights=False,
    )
    return weights


@contextmanager
def recorded(decoder: Any) -> Iterator[list[LayerAttention]]:
    """Fill a list with the attention of every layer while a decoder runs.

    Raises:
        QueryError: Its layers do not attend.
    """
    blocks = [layer.cross_attention for layer in decoder.layers]
    if not all(isinstance(block, AttentionBlock) for block in blocks):
        raise QueryError(
            f"Queries read memories by {type(blocks[0]).__name__}, without attention "
            "that could be looked at."
        )
    found: list[LayerAttention] = []
    grids: list[Grids] = []

    def note_grids(module: nn.Module, inputs: tuple) -> None:
        found.clear()
        grids[:] = read_grids(decoder, inputs[0])

    def note_weights(block: AttentionBlock, inputs: tuple) -> None:
        weights = attention_weights(block, *inputs).mean(dim=1)
        found.append(LayerAttention(weights, grids[len(found) % len(grids)]))

    hooks = [decoder.register_forward_pre_hook(note_grids)]
    hooks += [block.register_forward_pre_hook(note_weights) for block in blocks]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def read_grids(decoder: Any, pixels: PixelFeatures) -> list[Grids]:
    """Sizes of the memories that layers read in turn."""
    levels = getattr(decoder, "levels", (0,))  # MaskFormer reads the coarsest alone
    sizes = [map_size(pixels.memories[level]) for level in levels]
    if getattr(decoder, "joined_levels", False):
        return [tuple(sizes)]
    return [(size,) for size in sizes]


def covered_cells(masks: Tensor, grids: Grids) -> Tensor:
    """How much of every cell (G, m) the masks (G, H, W) of an input cover, in 0..1."""
    maps = [F.adaptive_avg_pool2d(masks.float(), grid) for grid in grids]
    return torch.cat([x.flatten(1) for x in maps], dim=1)


def attention_shares(
    layers: Sequence[LayerAttention], image: int, queries: Tensor, masks: Tensor
) -> Tensor:
    """(L, n) of the attention of each query, the part that lies on its segment.

    The weight of a cell counts as far as the segment covers the cell.

    Args:
        layers: attention of a batch.
        image: number in the batch.
        queries: (n,).
        masks: (n, H, W) boolean, at the size of the input.
    """
    return torch.stack(
        [
            (x.weights[image, queries] * covered_cells(masks, x.grids)).sum(dim=1)
            for x in layers
        ]
    )


def matched_attention(
    model: Any, dataset: Any, indices: Iterable[int] | None = None
) -> Iterator[ImageAttention]:
    """Run a model over samples of a data set, by default over all with a segment.

    Queries are matched to segments as in training, by the predictions of the last
    layer.

    Args:
        model: a segmentor or panoptic detector with queries that are matched.
        dataset: its pipeline packs as the model needs it, with annotation.
        indices: of the samples.

    Raises:
        QueryError: The model has no such queries, or a sample no annotation.
    """
    head = model.decode_head
    if head.network.per_pixel:
        raise QueryError("A per-pixel model has no queries that were matched.")
    model.eval()
    for index in range(len(dataset)) if indices is None else indices:
        found = _image_attention(model, dataset[int(index)])
        if found is not None:
            yield found


@torch.no_grad()
def _image_attention(model: Any, item: dict) -> ImageAttention | None:
    """Attention for one sample of a data set, None where it has no segment."""
    batch = pseudo_collate([item])
    image = picture_of_input(batch["inputs"][0])
    data = model.data_preprocessor(batch, False)
    (sample,), size = data["data_samples"], map_size(data["inputs"])
    target = input_target(model, sample, image.shape[:2], size)
    if not len(target):
        return None
    head = model.decode_head
    with recorded(head.network.transformer_decoder) as layers:
        predictions = head(model.extract_feat(data["inputs"]), [sample.metainfo], size)
    criterion = head.criterion
    with torch.random.fork_rng():  # masks may be compared at random points
        torch.manual_seed(0)
        (match,) = criterion.assigner(predictions, [target], criterion.masks)
    queries, segments = match.queries[-1], match.segments[-1]
    masks = target.masks(segments)
    shares = attention_shares(layers, 0, queries, masks)
    inside = (slice(None), slice(image.shape[0]), slice(image.shape[1]))
    return ImageAttention(
        image=image,
        queries=queries.cpu().numpy(),
        labels=target.labels[segments].cpu().numpy(),
        masks=masks[inside].cpu().numpy(),
        areas=masks.float().mean(dim=(1, 2)).cpu().numpy(),
        shares=shares.cpu().numpy(),
        layers=[attention_maps(x, queries) for x in layers],
    )


def attention_maps(layer: LayerAttention, queries: Tensor) -> list[np.ndarray]:
    """Attention (n, h, w) of some queries of the first image, for each memory."""
    sizes = [height * width for height, width in layer.grids]
    parts = layer.weights[0, queries].split(sizes, dim=1)
    return [
        part.unflatten(1, grid).cpu().numpy()
        for part, grid in zip(parts, layer.grids, strict=True)
    ]


def input_target(
    model: Any, sample: Any, inside: Sequence[int], size: tuple[int, int]
) -> SegmentTargets:
    """The segments of a sample as they lie in the input.

    Args:
        model: that knows which classes are things.
        sample: with annotation at the size of the original image.
        inside: height and width of the image in the input, at the upper left.
        size: height and width of the input.

    Raises:
        QueryError: The sample has no annotation.
    """
    target = _given_target(model, sample).resized((inside[0], inside[1]))
    padding = (0, size[1] - inside[1], 0, size[0] - inside[0])
    nothing = -1 if target.segment_map.dim() == 2 else 0
    segment_map = F.pad(target.segment_map.int(), padding, value=nothing)
    return SegmentTargets(target.labels, segment_map, target.ids.int())


def _given_target(model: Any, sample: Any) -> SegmentTargets:
    """The segments of a sample at the size of the original image."""
    if "gt_segments" in sample:
        labels, ids = without_crowds(sample.gt_segments, model.num_things_classes)
        return SegmentTargets(labels, sample.gt_segment_map.data[0], ids)
    if "masks" in sample.get("gt_instances", {}):
        labels = sample.gt_instances.labels
        masks = object_masks(sample, model.num_things_classes, void=255)
        return SegmentTargets.from_masks(labels, masks.to(labels.device))
    if "gt_sem_seg" in sample:
        head = model.decode_head
        maps = sample.gt_sem_seg.data
        return semantic_targets(maps, head.num_classes, head.ignore_index)[0]
    raise QueryError(
        f"{image_name(sample.metainfo)} has neither segments nor a label map; "
        "load its annotation in the pipeline of val_dataloader."
    )
