"""What queries see of a memory, and how they read it (arXiv 2112.01527, Table 4c).

A view says before each layer what is hidden from which query; cross-attention takes
it as ``blocked``. Mask pooling reads the memory without attention.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .layers import MLP, AttentionBlock
from .precision import at_least_float32, without_autocast

FIRST_WIDTH = 1 / 12  # of a Gaussian before training, in sides of the image


class Level(NamedTuple):
    """A memory as queries read it, m = h * w cells, or several joined."""

    tokens: Tensor  # (B, m, C) with the embedding of the level
    position: Tensor  # (B or 1, m, C)
    mask_features: Tensor | None  # (B, mask channels, m), float32, no gradient
    padding: Tensor | None  # (B, m), True in padding
    grids: tuple[tuple[int, int], ...]  # h and w of each memory


def joined(levels: Sequence[Level]) -> Level:
    """The cells of all memories as one, coarse to fine."""
    tokens, position, mask_features, padding, grids = zip(*levels, strict=True)
    return Level(
        torch.cat(tokens, dim=1),
        torch.cat(position, dim=1),
        None if mask_features[0] is None else torch.cat(mask_features, dim=2),
        None if padding[0] is None else torch.cat(padding, dim=1),
        sum(grids, start=()),
    )


class PlainView(nn.Module):
    """Queries see everything but padding.

    Args:
        embed_dim: C, for views that predict something.
        num_heads: of the attention, likewise.
    """

    reads_masks = False

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()

    def forward(
        self,
        content: Tensor,
        position: Tensor,
        level: Level,
        mask: Callable[[], Tensor | None],
    ) -> Tensor | None:
        """What is hidden from the queries.

        Args:
            content: of the queries (B, Q, C).
            position: of the queries (1, Q, C).
            level: the memory.
            mask: gives what lies outside the masks of the queries, (B, Q, m)
                boolean, or (B, m) or None where they have no masks yet.

        Returns:
            What :class:`AttentionBlock` takes as ``blocked``.
        """
        return level.padding


class MaskView(PlainView):
    """A query sees the inside of its mask."""

    reads_masks = True

    def forward(
        self,
        content: Tensor,
        position: Tensor,
        level: Level,
        mask: Callable[[], Tensor | None],
    ) -> Tensor | None:
        """See :meth:`PlainView.forward`."""
        return mask()


class GaussianView(PlainView):
    """A query sees best what is near a centre of its own, as in SMCA.

    The logarithm of a Gaussian is added to the logits of the attention. Its centre,
    and an offset and two scales for each head, are predicted from the query.

    Source: Gao et al., https://arxiv.org/abs/2101.07448, section 3.2.
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__(embed_dim, num_heads)
        self.num_heads = num_heads
        self.centre = MLP(embed_dim, 2)
        self.offset = nn.Linear(embed_dim, num_heads * 2)
        self.scale = nn.Linear(embed_dim, num_heads * 2)
        nn.init.xavier_uniform_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)
        nn.init.zeros_(self.scale.weight)
        nn.init.ones_(self.scale.bias)

    def forward(
        self,
        content: Tensor,
        position: Tensor,
        level: Level,
        mask: Callable[[], Tensor | None],
    ) -> Tensor | None:
        """(B, heads, Q, m), see :meth:`PlainView.forward`."""
        query = (content + position).to(self.scale.weight.dtype)
        with without_autocast(query.device):
            centre, offset, scale = (
                at_least_float32(head(query))
                for head in (self.centre, self.offset, self.scale)
            )
        centre = centre.sigmoid()[:, None]  # (B, 1, Q, 2) x, y in 0..1
        centre = centre + FIRST_WIDTH * self._by_head(offset)
        scale = self._by_head(scale) / FIRST_WIDTH
        bias = torch.cat(
            [log_gaussian(centre, scale, grid) for grid in level.grids], -1
        )
        if level.padding is not None:
            bias = bias.masked_fill(level.padding[:, None, None], float("-inf"))
        # attention does not see a shift, and half precision has no number for the
        # logarithm of what is far away: the best cell has 0
        return bias - bias.detach().amax(-1, keepdim=True)

    def _by_head(self, x: Tensor) -> Tensor:
        """(B, Q, heads * 2) to (B, heads, Q, 2)."""
        return x.unflatten(-1, (self.num_heads, 2)).transpose(1, 2)


def log_gaussian(centre: Tensor, scale: Tensor, grid: tuple[int, int]) -> Tensor:
    """Logarithm of Gaussians of height 1 at the centres of the cells of a grid.

    Args:
        centre: (..., 2) x and y, in 0..1 within the grid.
        scale: (..., 2) inverse of the standard deviations.
        grid: h, w.

    Returns:
        (..., h * w).
    """
    across, down = (
        -0.5 * (scale[..., i, None] * (_cells(n, centre) - centre[..., i, None])) ** 2
        for i, n in enumerate(reversed(grid))
    )
    return (down[..., :, None] + across[..., None, :]).flatten(-2)


def _cells(number: int, like: Tensor) -> Tensor:
    """Centres of as many cells side by side in 0..1."""
    return (torch.arange(number, dtype=like.dtype, device=like.device) + 0.5) / number


class MaskPooling(nn.Module):
    """Mean of what a query sees, linear layer, residual, dropout and post-norm.

    Stands where an :class:`AttentionBlock` may stand; positions are not looked at.

    Args:
        embed_dim: C.
        num_heads: as of an :class:`AttentionBlock`, not needed.
        dropout: on the residual branch.

    Source: Zhang et al. (K-Net), https://arxiv.org/abs/2106.14855.
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(embed_dim, embed_dim)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(embed_dim)

    def forward(
        self,
        x: Tensor,
        x_pos: Tensor,
        memory: Tensor,
        memory_pos: Tensor,
        blocked: Tensor | None = None,
    ) -> Tensor:
        """Let ``x`` (B, n, C) read ``memory`` (B, m, C).

        Args:
            x: content of the queries.
            x_pos: their positions, not needed.
            memory: content that is pooled.
            memory_pos: its positions, not needed.
            blocked: boolean, True where memory does not count, (B, m) or (B, n, m);
                something of it counts for each query.
        """
        pooled = self._pooled(at_least_float32(memory), blocked).to(x.dtype)
        return self.norm(x + self.dropout(self.linear(pooled)))

    def _pooled(self, memory: Tensor, blocked: Tensor | None) -> Tensor:
        """Means (B, n or 1, C) in float32: half precision cannot sum so many cells."""
        if blocked is None:
            return memory.mean(dim=1, keepdim=True)
        seen = ~(blocked if blocked.dim() == 3 else blocked[:, None])
        with without_autocast(memory.device):
            return seen.to(memory.dtype) @ memory / seen.sum(-1, keepdim=True)


# what queries see of a memory, and how they read it, by the name in a config
ATTENTION: dict[str, tuple[type[PlainView], type[nn.Module]]] = {
    "masked": (MaskView, AttentionBlock),
    "plain": (PlainView, AttentionBlock),
    "gaussian": (GaussianView, AttentionBlock),
    "pooling": (MaskView, MaskPooling),
}
