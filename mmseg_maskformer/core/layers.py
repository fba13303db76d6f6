"""Building blocks: softplus, position encoding, attention, feed-forward, MLP."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .recompute import recomputed


def softplus(x: Tensor, sigmoid: Tensor, complement: Tensor) -> Tensor:
    """log(1 + exp(x)) from x, p = sigmoid(x) and 1 - p.

    It is max(x, 0) - log(max(p, 1 - p)), right to the rounding of numbers near one:
    where the logarithm is close to zero its error is small, and not in proportion.
    Of log, log1p, logsigmoid and the native softplus only log is fast on every CPU
    and in every build of torch.
    """
    return x.clamp(min=0).sub_(torch.maximum(sigmoid, complement).log_())


def sine_position_encoding(padding_mask: Tensor, channels: int) -> Tensor:
    """Normalised sine encoding of the cells of a grid (DETR; paper section 3.2).

    The first half of the channels encodes the row, the second the column; inside a
    half even channels are sines and odd ones cosines.

    Args:
        padding_mask: (B, h, w) boolean, True where a cell is padding; positions
            count the other cells only.
        channels: C, divisible by 4.

    Returns:
        (B, h * w, C) float32.
    """
    halves = []
    for dim in (1, 2):
        # counted in integers: a sum of floats is not deterministic on CUDA
        position = (~padding_mask).cumsum(dim, dtype=torch.int32).float()
        last = position.select(dim, -1).unsqueeze(dim)
        angle = 2 * math.pi * position / (last + 1e-6)
        halves.append(_sines(angle, channels // 2))
    return torch.cat(halves, dim=-1).flatten(1, 2)


def _sines(angle: Tensor, channels: int) -> Tensor:
    k = torch.arange(channels // 2, dtype=torch.float32, device=angle.device)
    wave = angle[..., None] / 10000.0 ** (2 * k / channels)
    return torch.stack((wave.sin(), wave.cos()), dim=-1).flatten(-2)


def padding_mask(valid: Tensor, grid: tuple[int, int]) -> Tensor:
    """Which cells of a grid are padding.

    A cell is padding where its first pixel is, as in nearest resizing.

    Args:
        valid: (B, 2) share of the input's height and width that is image, float64.
        grid: h, w.

    Returns:
        (B, h, w) boolean, True in padding.
    """
    rows, columns = (
        torch.arange(cells, device=valid.device) >= share[:, None] * cells - 1e-6
        for cells, share in zip(grid, valid.unbind(dim=1), strict=True)
    )
    return rows[:, :, None] | columns[:, None, :]


def grid_position(
    x: Tensor, valid: Tensor | None, channels: int
) -> tuple[Tensor, Tensor | None]:
    """Position encoding and key mask of the cells of a map.

    Args:
        x: the map (B, *, h, w).
        valid: (B, 2) share of the input that is image, on any device, or None for all
            of it.
        channels: of the encoding.

    Returns:
        Positions (B or 1, h * w, channels) in the dtype of ``x``, and the mask
        (B, h * w) that attention takes, True in padding, or None.
    """
    if valid is None:
        everywhere = torch.zeros((1, *x.shape[-2:]), dtype=torch.bool, device=x.device)
        return sine_position_encoding(everywhere, channels).to(x.dtype), None
    mask = padding_mask(valid, (x.shape[-2], x.shape[-1])).to(x.device)
    return sine_position_encoding(mask, channels).to(x.dtype), mask.flatten(1)


class AttentionBlock(nn.Module):
    """Multi-head attention with residual, dropout and post-norm.

    Positions are added to queries and keys, never to values. Attention weights are
    not materialised where torch's fused attention applies.

    Args:
        embed_dim: C.
        num_heads: attention heads; divides C.
        dropout: on the attention weights and on the residual branch.
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(
            embed_dim, num_heads, dropout=dropout, batch_first=True
        )
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
        """Let ``x`` (B, n, C) attend to ``memory`` (B, m, C).

        Args:
            x: content of the attending tokens.
            x_pos: their positions, (B, n, C) or (1, n, C).
            memory: content attended to; ``x`` itself for self-attention.
            memory_pos: its positions.
            blocked: boolean, True where memory must not be seen: (B, m) for all
                tokens alike, or (B, n, m) for each. Or numbers (B, heads, n, m) that
                are added to the logits of the attention.
        """
        if blocked is not None and blocked.dim() > 2:
            attended = self._masked(x + x_pos, memory, memory_pos, blocked)
        else:
            attended, _ = self.attention(
                x + x_pos,
                memory + memory_pos,
                memory,
                key_padding_mask=blocked,
                need_weights=False,
            )
        return self.norm(x + self.dropout(attended))

    def _masked(
        self, query: Tensor, memory: Tensor, memory_pos: Tensor, blocked: Tensor
    ) -> Tensor:
        """The same attention with one mask (B, n, m) for all heads, or a bias for each.

        ``nn.MultiheadAttention`` wants a copy of the mask for each head.
        """
        module = self.attention
        weights, biases = module.in_proj_weight.chunk(3), module.in_proj_bias.chunk(3)

        def keys(memory: Tensor, memory_pos: Tensor) -> Tensor:
            return F.linear(memory + memory_pos, weights[1], biases[1])

        q, k, v = (
            x.unflatten(-1, (module.num_heads, -1)).transpose(1, 2)
            for x in (
                F.linear(query, weights[0], biases[0]),
                recomputed(keys, memory, memory_pos),
                F.linear(memory, weights[2], biases[2]),
            )
        )
        dropout = module.dropout if self.training else 0.0
        mask = blocked.to(q.dtype) if blocked.dim() == 4 else ~blocked[:, None]
        attended = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, dropout_p=dropout
        )
        return module.out_proj(attended.transpose(1, 2).flatten(2))


class FeedForwardBlock(nn.Module):
    """Two linear layers with ReLU, residual, dropout and post-norm.

    Args:
        embed_dim: C.
        ffn_dim: width between the two layers.
        dropout: after the activation and on the residual branch.
    """

    def __init__(self, embed_dim: int, ffn_dim: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(embed_dim, ffn_dim),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(ffn_dim, embed_dim),
            nn.Dropout(dropout),
        )
        self.norm = nn.LayerNorm(embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, C) to the same shape."""
        return self.norm(x + self.layers(x))


class MLP(nn.Sequential):
    """Three linear layers with ReLU between them.

    Args:
        width: of the input and between the layers.
        out_channels: output width.
    """

    def __init__(self, width: int, out_channels: int) -> None:
        super().__init__(
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, out_channels),
        )


def xavier_init(module: nn.Module) -> None:
    """Xavier-uniform on every parameter of two or more dimensions (as DETR)."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)


def conv_init(conv: nn.Conv2d) -> None:
    """Uniform within sqrt(3 / fan_in), bias zero."""
    nn.init.kaiming_uniform_(conv.weight, a=1)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def init_convs(module: nn.Module) -> None:
    """:func:`conv_init` of every convolution of a module."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            conv_init(part)


def conv_norm(
    n_in: int, n_out: int, kernel: int, num_groups: int, bias: bool = False
) -> nn.Sequential:
    """Convolution that keeps the size, and group norm."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=bias),
        nn.GroupNorm(num_groups, n_out),
    )
