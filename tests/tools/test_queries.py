"""The tool that looks at queries, end to end with weights as they are drawn."""

from __future__ import annotations

import csv

import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from tests.helpers.scenes import few_scenes
from tests.scripts import run_script

TOOL = "analysis/queries.py"
DEMO = REPOSITORY / "configs/demo"
MASK2FORMER = REPOSITORY / "configs/mask2former/mask2former_tiny_scenes.py"


@pytest.fixture(scope="module")
def semantic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("semantic")
    return few_scenes(DEMO / "maskformer_tiny_scenes.py", folder)


@pytest.fixture(scope="module")
def panoptic(tmp_path_factory):
    pytest.importorskip("mmdet")
    folder = tmp_path_factory.mktemp("panoptic")
    numbers = dict(num_things_classes=1, num_stuff_classes=11)
    return few_scenes(DEMO / "maskformer_tiny_scenes-panoptic.py", folder, **numbers)


def rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_tables_and_pictures_of_a_semantic_model(
    semantic, tmp_path, monkeypatch, capsys
):
    command = ("--out", tmp_path, "--num", 2, "--width", 64)
    run_script(monkeypatch, TOOL, *semantic, *command)
    assert (
        capsys.readouterr().out.splitlines()[-1] == f"Queries of 6 images: {tmp_path}"
    )
    queries, classes = rows(tmp_path / "queries.csv"), rows(tmp_path / "classes.csv")
    assert sorted(int(row["query"]) for row in queries) == list(range(20))
    unique = [int(row["unique_classes"]) for row in queries]
    assert unique == sorted(unique, reverse=True)
    assert len(classes) == 12
    # the same predictions, counted either way
    total = sum(int(row["predictions"]) for row in classes)
    assert sum(int(row["images"]) for row in queries) == total > 0
    with Image.open(tmp_path / "overlays.png") as picture:
        assert picture.size == (2 * 64 + 4, 2 * (64 + 14) + 4)  # two queries
    with Image.open(tmp_path / "queries.png") as picture:
        assert picture.size == (600, 250)


@pytest.mark.slow
@pytest.mark.mmdet
def test_semantic_against_panoptic_queries(semantic, panoptic, tmp_path, monkeypatch):
    command = ("--out", tmp_path, "--width", 64, "--against", *panoptic)
    run_script(monkeypatch, TOOL, *semantic, *command)
    found = rows(tmp_path / "against.csv")
    assert sum(int(row["cases"]) for row in found) > 0
    assert all(int(row["things"]) >= 2 for row in found)
    with Image.open(tmp_path / "against.png") as picture:
        assert picture.size == (4 * 68 - 4, 64 + 14)  # one thing class, one row


def test_a_per_pixel_model_is_refused_with_a_sentence(tmp_path, monkeypatch):
    path = REPOSITORY / "configs/studies/scenes/per_pixel_baseline_tiny_scenes-20.py"
    files = few_scenes(path, tmp_path)
    with pytest.raises(SystemExit, match="query k answers for class k"):
        run_script(monkeypatch, TOOL, *files, "--out", tmp_path)


@pytest.mark.parametrize(
    ("tool", "leaf"),
    [(TOOL, DEMO / "maskformer_tiny_scenes.py"), ("analysis/layers.py", MASK2FORMER)],
)
def test_a_query_that_is_not_there_is_said_at_once(tmp_path, monkeypatch, tool, leaf):
    files = few_scenes(leaf, tmp_path)
    monkeypatch.chdir(tmp_path)
    asked = ("--out", tmp_path / "out", "--queries", 0, 20)
    with pytest.raises(
        SystemExit, match=r"^--queries \[20\]: .* has queries 0 to 19\."
    ):
        run_script(monkeypatch, tool, *files, *asked)
    assert not [*(tmp_path / "out").iterdir()]
