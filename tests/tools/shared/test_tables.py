"""Tables as files."""

from __future__ import annotations

from shared.tables import write_csv


def test_tables_are_written_with_a_header(tmp_path):
    path = tmp_path / "x.csv"
    write_csv(path, [dict(query=2, top="sky 0.75, sea"), dict(top=None, query=0)])
    assert path.read_bytes() == b'query,top\n2,"sky 0.75, sea"\n0,\n'


def test_no_value_is_left_out(tmp_path):
    path = tmp_path / "x.csv"
    write_csv(path, [dict(query=2), dict(top="sky", query=0)])
    assert path.read_text() == "query,top\n2,\n0,sky\n"
