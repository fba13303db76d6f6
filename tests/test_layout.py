"""Size and direction: no long file, no circle of imports, none among test files."""

from __future__ import annotations

import ast
import re
import statistics
from graphlib import TopologicalSorter

from tests.conftest import REPOSITORY
from tests.helpers.imports import PACKAGE, imported_names, imported_roots

MOST_LINES = 300


def test_no_file_is_long():
    folders = ("mmseg_maskformer", "tools", "configs", "tests")
    files = [x for folder in folders for x in (REPOSITORY / folder).rglob("*.py")]
    assert len(files) > 300  # the folders are where they are looked for
    lines = {str(x.relative_to(REPOSITORY)): _lines(x) for x in files}
    assert {name: n for name, n in lines.items() if n > MOST_LINES} == {}


def test_functions_are_short():
    lengths = [
        node.end_lineno - node.lineno + 1 - _docstring_lines(node)
        for folder in (PACKAGE, REPOSITORY / "tools")
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    assert statistics.median(lengths) <= 10
    assert max(lengths) <= 40


def test_scripts_below_tools_find_what_they_import_there():
    folders = {x.name for x in (REPOSITORY / "tools").iterdir() if x.is_dir()}
    scripts = {x: x.read_text() for x in (REPOSITORY / "tools").glob("*/*.py")}
    needing = {
        x: text
        for x, text in scripts.items()
        if "__main__" in text and imported_roots(x) & folders
    }
    assert len(needing) > 10
    lacking = [x.name for x, text in needing.items() if "\nsys.path[:0]" not in text]
    assert lacking == []


def test_modules_do_not_import_each_other_in_a_circle():
    modules = {_module(path): path for path in PACKAGE.rglob("*.py")}
    graph = {
        name: {x for x in imported_names(path) if x in modules and x != name}
        for name, path in modules.items()
    }
    order = list(TopologicalSorter(graph).static_order())  # CycleError names a circle
    assert len(order) == len(modules)


def test_no_test_file_imports_another():
    """What several of them need is in `tests/helpers`."""
    imports = [
        f"{path.relative_to(REPOSITORY)}: {ast.unparse(node)}"
        for path in (REPOSITORY / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    pattern = r": (from \.|(from|import) tests\b).*\btest_"
    assert [x for x in imports if re.search(pattern, x)] == []


def _lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def _docstring_lines(node):
    first = node.body[0]
    if ast.get_docstring(node) is None:
        return 0
    return first.end_lineno - first.lineno + 1


def _module(path):
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
