"""Tables of Markdown."""

from __future__ import annotations

from shared.markdown import markdown_table


def test_columns_of_words_are_to_the_left_and_of_numbers_to_the_right():
    expected = "| name | kind | n |\n| --- | --- | --: |\n| a | b | 1 |"
    assert markdown_table(["name", "kind", "n"], [("a", "b", 1)], left=2) == expected
