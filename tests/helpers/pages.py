"""The code that sections of the pages print."""

from __future__ import annotations

import re

from tests.conftest import REPOSITORY


def python_blocks(page, heading):
    """The blocks of Python below a heading of the second level, in order."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.S)
