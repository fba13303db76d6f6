"""Tests that need a folder are skipped without it, unless somebody says where it is."""

from __future__ import annotations

import pytest

from tests.conftest import existing

NAME = "MASKFORMER_SOMETHING"


def test_a_folder_that_nobody_named_may_be_absent(tmp_path, monkeypatch):
    monkeypatch.delenv(NAME, raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"absent does not .* set {NAME}"):
        existing(tmp_path / "absent", NAME)
    assert existing(tmp_path, NAME) == tmp_path


def test_a_folder_that_was_named_may_not_be_absent(tmp_path, monkeypatch):
    monkeypatch.setenv(NAME, str(tmp_path / "absent"))
    with pytest.raises(pytest.fail.Exception, match=f"^{NAME} names .*absent, which"):
        existing(tmp_path / "absent", NAME)
    assert existing(tmp_path, NAME) == tmp_path
