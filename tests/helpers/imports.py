"""The package, and what a file of this repository imports."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "mmseg_maskformer"


def imported_names(path: Path) -> set[str]:
    """Full names of the modules that ``path`` imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            folder = path.relative_to(REPOSITORY).parts[: -node.level or None]
            parts = (*folder, node.module) if node.level else (node.module,)
            found.add(".".join(filter(None, parts)))
    return found


def imported_roots(path: Path) -> set[str]:
    """Top-level packages that ``path`` imports, Python's own left out."""
    found = {name.split(".")[0] for name in imported_names(path)}
    return found - set(sys.stdlib_module_names)
