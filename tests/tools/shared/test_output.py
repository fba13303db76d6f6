"""Tables in Markdown and as files."""

from __future__ import annotations

from shared.output import markdown_table, write_csv


def test_columns_of_words_are_to_the_left_and_of_numbers_to_the_right():
    expected = "| name | kind | n |\n| --- | --- | --: |\n| a | b | 1 |"
    assert markdown_table(["name", "kind", "n"], [("a", "b", 1)], left=2) == expected


def test_tables_are_written_with_a_header(tmp_path):
    path = tmp_path / "x.csv"
    write_csv(path, [dict(query=2, top="sky 0.75, sea"), dict(top=None, query=0)])
    assert path.read_bytes() == b'query,top\n2,"sky 0.75, sea"\n0,\n'


def test_no_value_is_left_out(tmp_path):
    path = tmp_path / "x.csv"
    write_csv(path, [dict(query=2), dict(top="sky", query=0)])
    assert path.read_text() == "query,top\n2,\n0,sky\n"
