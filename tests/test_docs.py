"""Links of the pages lead to files and headings that are there."""

from __future__ import annotations

import re

import pytest

from tests.conftest import REPOSITORY

PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
ROOTS = [REPOSITORY / x for x in (".", "mmseg_maskformer", "tools")]
SOURCE = re.compile(r"`([\w./-]+/[\w.-]+\.py)(?:: ([A-Za-z]\w+))?[^`]*`")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")


def without_code(text):
    """The text of a page outside of its code blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)


def anchors(page):
    """The names by which the headings of a page are linked, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text()), re.M)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page):
    broken = []
    for link in LINK.findall(without_code(page.read_text())):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name != "CHANGELOG.md"],  # names what is gone
    ids=lambda page: page.name,
)
def test_sources_that_are_named_exist_and_define_what_they_are_named_for(page):
    missing = []
    text = re.sub(r"\n *", " ", without_code(page.read_text()))
    for path, name in SOURCE.findall(text):
        found = [root / path for root in ROOTS if (root / path).is_file()]
        if not found or not re.search(rf"\b{name}\b", found[0].read_text()):
            missing.append(f"{path}: {name}")
    assert missing == []
