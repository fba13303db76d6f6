"""Numbers that data sets, hosts and metrics agree on."""

from __future__ import annotations

VOID = 255  # label of void pixels in label maps of 8 bits, and in the hosts'
WIDE_VOID = 65535  # the same in label maps of more bits
NARROW = ("uint8", "bool")  # NumPy's names of the types of label maps of 8 bits
INSTANCE_OFFSET = 1000  # MMDetection's panoptic maps hold class + 1000 * object


def free_void(num_classes: int) -> int:
    """The label of void pixels that is none of so many classes."""
    return VOID if num_classes <= VOID else WIDE_VOID
