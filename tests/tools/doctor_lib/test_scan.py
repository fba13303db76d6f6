"""The doctor judges single files by the checks of training, in its words."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from doctor_lib.checks import findings
from doctor_lib.report import report
from doctor_lib.scan import look, look_at_all
from doctor_lib.sources import Item, Source

IDS = np.full((8, 12), 7, dtype=np.uint8)
IDS[:4] = 0  # void on half of the pixels
FRAGMENT = np.where(IDS == 7, 300, 0)  # 44 + 256 * 1


def coloured(ids, order=(0, 1, 2)):
    return np.stack([ids >> 8 * k & 255 for k in order], axis=-1).astype(np.uint8)


def panoptic(folder, pixels, listed, stated=(8, 12), suffix="png"):
    """An item of 8 x 12 pixels: things of class 0, with these ids."""
    Image.fromarray(np.zeros((8, 12, 3), np.uint8)).save(folder / "photo.png")
    Image.fromarray(pixels).save(folder / f"map.{suffix}")
    objects = tuple((n, 0, True, False) for n in listed)
    image, labels = str(folder / "photo.png"), str(folder / f"map.{suffix}")
    return Item("all", image, labels, objects, stated=("pan.json", stated))


def judged(item, kind="panoptic"):
    facts = [look(item)]
    source = Source("config", kind, classes=("cell",))
    return findings(source, facts), report(source, facts, [], [])


CONTRADICTS = "1 panoptic map(s) that contradict their annotation file."


@pytest.mark.parametrize(
    ("made", "text", "remedy"),
    [
        (dict(pixels=coloured(IDS), listed=[5]), CONTRADICTS, "have the id(s) 7, "),
        (dict(pixels=IDS, listed=[7]), CONTRADICTS, "is grey and its values are ids"),
        (
            dict(pixels=coloured(FRAGMENT, (2, 1, 0)), listed=[300]),
            CONTRADICTS,
            "are in the order B, G, R",
        ),
        (
            dict(pixels=coloured(0 * IDS), listed=[7]),
            CONTRADICTS,
            "but no pixel has any of them",
        ),
        (
            dict(pixels=coloured(IDS), listed=[7], suffix="jpg"),
            "1 JPEG panoptic map(s).",
            "map.jpg is a JPEG, which",
        ),
        (
            dict(pixels=coloured(IDS), listed=[7], stated=(4, 6)),
            "1 image(s) of another size than their annotation file's.",
            "pan.json gives ",
        ),
    ],
)
def test_panoptic_files_that_training_refuses(made, text, remedy, tmp_path):
    found, _ = judged(panoptic(tmp_path, **made))
    assert [(x.level, x.text) for x in found] == [("error", text)]
    assert remedy in found[0].remedy


def test_a_sound_panoptic_map_is_counted_with_its_void(tmp_path):
    found, text = judged(panoptic(tmp_path, coloured(IDS), [7]))
    assert found == []
    assert "Void on 50.0 % of pixels." in text


def test_the_size_is_that_of_the_loaded_image(tmp_path):
    """An orientation turns 8 x 12 pixels, unless the pipeline takes them as stored."""
    item = panoptic(tmp_path, coloured(IDS), [7])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(item.image).save(item.image, exif=exif)
    assert judged(item._replace(as_stored=True))[0] == []
    texts = [x.text for x in judged(item)[0]]
    assert "1 image(s) of another size than their annotation file's." in texts


@pytest.mark.parametrize(
    ("labels", "suffix", "said"),
    [
        (np.eye(3, dtype=np.int32) * 300, "tif", "Values 0, 300; void on 0.0 %"),
        (np.eye(3, dtype=np.int32) * 65535, "tif", "Values 0, 65535; void on 33.3 %"),
        (np.eye(3, dtype=bool), "png", "Values 0-1; void on 0.0 % of pixels. num_cla"),
    ],
)
def test_label_maps_of_the_types_that_training_takes(labels, suffix, said, tmp_path):
    path = tmp_path / f"map.{suffix}"
    Image.fromarray(np.zeros((3, 3, 3), np.uint8)).save(tmp_path / "photo.png")
    Image.fromarray(labels).save(path)
    facts = [look(Item("all", str(tmp_path / "photo.png"), str(path)))]
    assert findings(Source("folder"), facts) == []
    assert said in report(Source("folder"), facts, [], [])


@pytest.mark.parametrize(
    ("labels", "suffix", "text", "remedy"),
    [
        (
            np.eye(3, dtype=np.int32) * 65536,
            "tif",
            "1 label map(s) that hold no numbers of classes.",
            "has the value 65536; labels are 0 to 65535",
        ),
        (np.eye(3, dtype=np.uint8), "jpg", "1 JPEG label map(s).", "is a JPEG, which"),
    ],
)
def test_label_maps_that_training_refuses(labels, suffix, text, remedy, tmp_path):
    path = tmp_path / f"map.{suffix}"
    Image.fromarray(np.zeros((3, 3, 3), np.uint8)).save(tmp_path / "photo.png")
    Image.fromarray(labels).save(path)
    facts = [look(Item("all", str(tmp_path / "photo.png"), str(path)))]
    (found,) = findings(Source("folder"), facts)
    assert (found.level, found.text) == ("error", text)
    assert remedy in found.remedy


def test_one_process_tells_how_far_it_is(tmp_path, capsys):
    item = panoptic(tmp_path, coloured(IDS), [7])
    look_at_all([item] * 65, workers=1)
    assert capsys.readouterr().err == "\r64 of 65\r65 of 65\n"
