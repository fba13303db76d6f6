"""Results take the place of former ones altogether or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from objects_lib.writing import put_in_place, results_in


def fill(folder, text):
    """Results that hold a text, in files and folders."""
    folder.mkdir(parents=True)
    for path in results_in(folder):
        if path.suffix:
            path.write_text(text)
        else:
            path.mkdir()
            (path / "a.png").write_text(text)


def texts(folder):
    return [x.read_text() for x in sorted(folder.rglob("*")) if x.is_file()]


@pytest.mark.parametrize("former", ["old", None])
@pytest.mark.parametrize("is_late", [False, True])
def test_an_interruption_leaves_all_as_it_was(tmp_path, monkeypatch, former, is_late):
    """Before or after any of the renamings: two of each of six results, or one."""
    renamings = 12 if former else 6
    rename = Path.replace
    for stop in range(renamings + 1):
        calls = []

        def replace(path, target, calls=calls, stop=stop):
            calls.append(path)
            at_stop = len(calls) == stop + 1
            if at_stop and not is_late:
                raise KeyboardInterrupt
            rename(path, target)
            if at_stop:
                raise KeyboardInterrupt

        draft, out = tmp_path / f"draft{stop}", tmp_path / f"out{stop}"
        fill(draft, "new")
        fill(out, former) if former else out.mkdir()
        monkeypatch.setattr(Path, "replace", replace)
        if stop == renamings:
            put_in_place(draft, out)
            assert texts(out) == ["new"] * 6
        else:
            with pytest.raises(KeyboardInterrupt):
                put_in_place(draft, out)
            assert texts(out) == [former] * 6 * bool(former)
        monkeypatch.undo()
