"""Numbers that data sets, hosts and metrics agree on, and how messages list values."""

from __future__ import annotations

from collections.abc import Iterable

VOID = 255  # label of void pixels in label maps of 8 bits, and in the hosts'
WIDE_VOID = 65535  # the same in label maps of 16 bits
INSTANCE_OFFSET = 1000  # MMDetection's panoptic maps hold class + 1000 * object


def shown(values: Iterable[object]) -> str:
    """The first eight values, for a message."""
    values = list(values)
    return ", ".join(map(str, values[:8])) + (", ..." if len(values) > 8 else "")
