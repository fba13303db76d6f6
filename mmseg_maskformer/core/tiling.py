"""Maps at the size of a result, a tile of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import at_least_float32, without_autocast
from .resize import transpose_columns

# Elements of an intermediate result; sums of ones in float32 are exact up to 1 << 24.
_TILE = {"cpu": 1 << 20, "cuda": 1 << 24}


class Placement(NamedTuple):
    """Where an image lies in the network's input, and the size of its result.

    Attributes:
        size: height and width of the input, padding included.
        crop: top, bottom, left, right of the part that is not padding.
        out_size: height and width of the result.
    """

    size: tuple[int, int]
    crop: tuple[int, int, int, int]
    out_size: tuple[int, int]

    @classmethod
    def whole(cls, size: tuple[int, int]) -> Placement:
        """An input without padding, and a result of its size."""
        return cls.upper_left(size, size, size)

    @classmethod
    def upper_left(
        cls, size: tuple[int, int], inside: Sequence[int], out_size: Sequence[int]
    ) -> Placement:
        """An image of height and width ``inside``, padded below and to the right."""
        crop, result = (0, inside[0], 0, inside[1]), (out_size[0], out_size[1])
        return cls(size, crop, result)

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of the part that is not padding."""
        top, bottom, left, right = self.crop
        return bottom - top, right - left


def of_device(sizes: Mapping[str, int], device: torch.device) -> int:
    """The size that is listed for a device; what is not listed is like a GPU."""
    return sizes.get(device.type, sizes["cuda"])


def tile_size(device: torch.device) -> int:
    """How many elements an intermediate result should have there."""
    return of_device(_TILE, device)


def iter_tiles(
    mask_logits: Tensor,
    placement: Placement,
    before_resize: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[tuple[slice, Tensor]]:
    """Bring masks to the input's size, crop, resize to the result, tile by tile.

    Args:
        mask_logits: (n, h, w) on the network's grid.
        placement: the image's place and the result's size.
        before_resize: applied at the size of the input, before the last resize.

    Yields:
        The rows of the result, and the masks (n, rows, W_out) there, float32 at least.
        Nothing where there are no masks.
    """
    if not len(mask_logits):
        return
    mask_logits = at_least_float32(mask_logits)
    height, width = placement.out_size
    widest = len(mask_logits) * max(placement.size[1], width)
    step = tile_height(widest, placement, tile_size(mask_logits.device))
    for start in range(0, height, step):
        rows = (start, min(start + step, height))
        yield slice(*rows), tile_rows(mask_logits, placement, rows, before_resize)


def tile_height(row_elements: int, placement: Placement, tile: int) -> int:
    """Rows of a result, at least one, that take about ``tile`` elements to make.

    ``row_elements`` is the size of one row, before or after the resize.
    """
    # rows of the input for each row of the result
    shrink = max(1.0, placement.crop_size[0] / placement.out_size[0])
    return max(1, int(tile / (row_elements * shrink)))


def tile_rows(
    mask_logits: Tensor,
    placement: Placement,
    rows: tuple[int, int],
    before_resize: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Some rows (n, rows, W_out) of the masks of :func:`iter_tiles`."""
    masks = at_least_float32(mask_logits)

    def at_input(input_rows: tuple[int, int]) -> Tensor:
        tile = resize_rows(masks, placement.size, input_rows)
        tile = tile[..., placement.crop[2] : placement.crop[3]]
        return tile if before_resize is None else before_resize(tile)

    # here and not in the generator, which must not leave a context open between tiles
    with without_autocast(masks.device):
        return placed_rows(at_input, placement, rows)


def placed_rows(
    at_input: Callable[[tuple[int, int]], Tensor],
    placement: Placement,
    rows: tuple[int, int],
) -> Tensor:
    """Rows of a result from rows of the input.

    Args:
        at_input: gives maps (n, rows, W) of the part of the input that is not padding,
            for a first and one past the last row of the input.
        placement: the image's place and the result's size.
        rows: first and one past the last row wanted.

    Returns:
        (n, rows, W_out).
    """
    top, (height, _) = placement.crop[0], placement.crop_size
    same = placement.out_size == placement.crop_size
    source = rows if same else source_rows(height, placement.out_size[0], rows)
    maps = at_input((top + source[0], top + source[1]))
    if same:
        return maps
    return resize_rows(maps, placement.out_size, rows, height=height, first=source[0])


def resize_rows(
    x: Tensor,
    size: tuple[int, int],
    rows: tuple[int, int],
    height: int | None = None,
    first: int = 0,
) -> Tensor:
    """Some rows of :func:`resize`, made without the others.

    Args:
        x: (N, h, w), or rows of it that begin with row ``first``.
        size: of the whole result.
        rows: first and one past the last row wanted.
        height: h, where ``x`` does not hold all rows.
        first: number of the first row that ``x`` holds.

    Returns:
        (N, rows, W).
    """
    used, low, high, fraction = _mixture(height or x.shape[1], size[0], rows, x.device)
    # widths first: few source rows are stretched, and every row is mixed of two of them
    wide = _widened(x.index_select(1, used - first), size[1])
    mixed = wide.index_select(1, low), wide.index_select(1, high)
    return torch.lerp(*mixed, fraction.to(x.dtype))


def _widened(x: Tensor, width: int) -> Tensor:
    """(N, rows, w) to (N, rows, W)."""
    if x.device.type == "cpu":
        return F.interpolate(x, width, mode="linear")
    # equal numbers; the linear kernel of CUDA long had one thread for a whole column
    return F.interpolate(x[None], (x.shape[1], width), mode="bilinear")[0]


@lru_cache(maxsize=1024)
@torch.inference_mode(False)  # what is kept may meet gradients later
def _mixture(
    n_in: int, n_out: int, rows: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Source rows that target rows need, which two of these each one needs, the share.

    Kept, since making and sending them would stop a GPU at every tile.
    """
    low, high, fraction = _taps(n_in, n_out, rows)
    used, place = torch.cat([low, high]).unique(return_inverse=True)
    low, high = place.to(device).chunk(2)
    return used.to(device), low, high, fraction[:, None].to(device)


def add_rows_transposed(
    out: Tensor, x: Tensor, size: tuple[int, int], rows: tuple[int, int]
) -> None:
    """The transpose of :func:`resize_rows`: add gradients of some rows to all inputs.

    Args:
        out: (N, h, w), changed in the rows that ``rows`` are made of.
        x: (N, rows, W).
        size: H and W of the whole result.
        rows: first and one past the last row that ``x`` holds.
    """
    height, width = out.shape[1:]
    used = slice(*source_rows(height, size[0], rows))
    weights = _row_weights(height, size[0], rows, x.dtype, x.device)[used]
    narrow = transpose_columns(x.flatten(0, 1), width)
    out[:, used] += weights @ narrow.view(*x.shape[:2], width)


@lru_cache(maxsize=256)
@torch.inference_mode(False)
def _row_weights(
    n_in: int,
    n_out: int,
    rows: tuple[int, int],
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """(n_in, rows) share of every input row in some rows of the result."""
    low, high, fraction = _taps(n_in, n_out, rows)
    weights = torch.zeros(len(low), n_in)
    weights.scatter_add_(1, low[:, None], 1 - fraction[:, None])
    weights.scatter_add_(1, high[:, None], fraction[:, None])
    return weights.T.to(device=device, dtype=dtype)


def source_rows(n_in: int, n_out: int, rows: tuple[int, int]) -> tuple[int, int]:
    """First and one past the last source row that target ``rows`` are made of."""
    low, high, _ = _taps(n_in, n_out, rows)
    return int(low[0]), int(high[-1]) + 1


def _taps(
    n_in: int, n_out: int, rows: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """The two source rows of each target row, and the share of the second."""
    cells = torch.arange(*rows, dtype=torch.float32)
    source = ((cells + 0.5) * (n_in / n_out) - 0.5).clamp(min=0)
    low = source.long().clamp(max=n_in - 1)
    return low, (low + 1).clamp(max=n_in - 1), source - low
