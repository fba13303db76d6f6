"""Settings in the text of a config, read without running it."""

from __future__ import annotations

import ast
from typing import Any


def plain_settings(text: str) -> dict[str, Any]:
    """What a text assigns that is made of plain values, lists and ``dict(...)``.

    mmengine writes the config of a training into its checkpoints in this way. Whatever
    else a text holds is left out.
    """
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found = {}
    for statement in statements:
        if isinstance(statement, ast.Assign):
            try:
                value = ast.literal_eval(_Dictionaries().visit(statement.value))
            except (ValueError, TypeError, RecursionError, MemoryError):
                continue
            names = [x.id for x in statement.targets if isinstance(x, ast.Name)]
            found.update(dict.fromkeys(names, value))
    return found


class _Dictionaries(ast.NodeTransformer):
    """Writes ``dict(a=1)`` as ``{"a": 1}``."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if ast.unparse(node.func) != "dict" or node.args:
            return node
        if any(x.arg is None for x in node.keywords):  # dict(**other)
            return node
        keys: list[ast.expr | None] = [ast.Constant(x.arg) for x in node.keywords]
        return ast.Dict(keys, [x.value for x in node.keywords])
