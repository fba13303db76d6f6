"""All checks, in the order in which their findings are told."""

from __future__ import annotations

from collections.abc import Sequence

from . import file_checks as files
from . import label_checks as labels
from . import object_checks as objects
from .finding import Finding
from .scan import Facts
from .sources import Source

_CHECKS = (
    files.not_built,
    files.unreadable,
    files.too_large,
    files.without_partner,
    files.doubles,
    files.without_labels,
    files.sizes_differ,
    files.refused,
    files.copies,
    labels.values,
    labels.binary,
    objects.crowds,
    files.orientations,
    files.images_differ,
    objects.scales,
    labels.mostly_void,
    labels.never_seen,
    labels.lowered,
    labels.only_in_validation,
    objects.too_many,
    objects.small,
)


def findings(source: Source, facts: Sequence[Facts]) -> list[Finding]:
    """Errors first, then what is worth knowing."""
    found = [x for check in _CHECKS for x in check(source, facts)]
    return sorted(found, key=lambda x: x.level != "error")
