"""Released weights: the zoo and the metafile against the tables of their owners."""

from __future__ import annotations

import re
from pathlib import Path

import mmseg
import pytest
import yaml
from mmengine.config import Config

from mmseg_maskformer.checkpoints.zoo import zoo_names, zoo_url
from tests.conftest import REPOSITORY

MASK2FORMER_PARTS = {  # the words of our configs' names and those of the zoo's
    "r50": "R50",
    "r101": "R101",
    "swin-t": "swin_tiny",
    "swin-s": "swin_small",
    "swin-b-in1k": "swin_base_384",
    "swin-b-in22k": "swin_base_IN21k_384",
    "swin-l-in22k": "swin_large_IN21k_384",
}
URL = "https://dl.fbaipublicfiles.com/maskformer"
# The folder of every group, and the last six characters of its files in order
RELEASED = {
    "ade20k-150": (
        "semantic-ade20k",
        "1043f3 833630 d8dbeb 1aeb94 b432ea 8657a5 528157 45388b aefa3b",
    ),
    "coco-stuff-10k-171": (
        "semantic-coco-stuff-10k",
        "275ab0 1fa920 cb03eb eb19bb bffd25",
    ),
    "ade20k-full-847": ("semantic-ade20k-full", "9f66a9 4d31f2 f4e3f6 88df33 75d34e"),
    "cityscapes-19": ("semantic-cityscapes", "38c00c 4f8ff9"),
    "mapillary-vistas-65": ("semantic-mapillary-vistas", "f3fc73"),
    "coco-panoptic": ("panoptic-coco", "6f60dc 57b049 539394 5bf6b1 4b7f49 7505c4"),
    "ade20k-150-panoptic": ("panoptic-ade20k", "7aa977 0b3cc8"),
}
# the words of our configs' names and those of the zoo's
BACKBONES = {
    "r50": "maskformer_R50",
    "r101": "maskformer_R101",
    "r101c": "maskformer_R101c",
    "swin-t": "swin/maskformer_swin_tiny",
    "swin-s": "swin/maskformer_swin_small",
    "swin-b-in22k": "swin/maskformer_swin_base_IN21k_384",
    "swin-l-in22k": "swin/maskformer_swin_large_IN21k_384",
}
DATA_SETS = {
    "ade20k": "ade20k-150",
    "coco-stuff10k": "coco-stuff-10k-171",
    "ade20k-full": "ade20k-full-847",
    "cityscapes": "cityscapes-19",
    "mapillary": "mapillary-vistas-65",
    "coco-panoptic": "coco-panoptic",
    "ade20k-panoptic": "ade20k-150-panoptic",
}
OWNERS = {  # where files stand, and under which licence
    f"{URL}/": "CC BY-NC 4.0",
    "https://download.openmmlab.com/": "Apache License 2.0",
}
FOLDERS = ("maskformer", "per_pixel_baseline")
HEADINGS = {"mIoU(ms+flip)": "mIoU, multi-scale"}
PANOPTIC = ("PQ", "PQ-Th", "PQ-St", "SQ", "RQ")
ENTRIES = [
    entry
    for folder in FOLDERS
    for entry in yaml.safe_load(
        (REPOSITORY / f"configs/{folder}/metafile.yml").read_text(encoding="utf-8")
    )["Models"]
]
OPENMMLAB = [x for x in ENTRIES if "download.openmmlab.com" in x["Weights"]]


MASK2FORMER = yaml.safe_load(
    (REPOSITORY / "configs/mask2former/metafile.yml").read_text(encoding="utf-8")
)["Models"]


def by_name(entry):
    return entry["Name"]


def zoo_name(config):
    """The zoo's name of one of our configs; None where a word of it has none."""
    pattern = (
        r"(maskformer|per_pixel_baseline|per_pixel_baseline_plus)_([^_]+)_"
        r"(\d+)xb(\d)-(\d+k)_(.+?)(?:-(\d+)x\d+)?"
    )
    found = re.fullmatch(pattern, config)
    if found is None:  # trained for epochs
        return None
    kind, backbone, cards, images, steps, data, crop = found.groups()
    backbone = backbone.removesuffix("-6enc")
    if backbone not in BACKBONES or data not in DATA_SETS:
        return None
    name = f"{BACKBONES[backbone]}_bs{int(cards) * int(images)}_{steps}"
    name = name.replace("maskformer", kind)
    if data.endswith("panoptic"):
        return f"{DATA_SETS[data]}/{name}".replace(
            "maskformer_", "maskformer_panoptic_"
        )
    large = f"_res{crop}" if "IN21k" in name else ""
    return f"{DATA_SETS[data]}/{name}{large}"


def mask2former_zoo_name(config):
    """The zoo's name of one of our configs of Mask2Former."""
    pattern = (
        r"mask2former_(.+?)_(\d+)xb(\d)-(?:lsj-)?(\w+)_(ade20k|coco|cityscapes|"
        r"mapillary)(?:-(panoptic|instance))?(?:-(\d+)x\d+)?"
    )
    found = re.fullmatch(pattern, config).groups()
    backbone, cards, images, length, data, task, crop = found
    folder = data.replace("mapillary", "mapillary_vistas") + f"/{task or 'semantic'}"
    batch, length = int(cards) * int(images), length.replace("0e", "0ep")
    name = f"maskformer2_{MASK2FORMER_PARTS[backbone]}_bs{batch}_{length}"
    if folder == "ade20k/semantic" and crop == "640":
        name += "_res640"
    if (folder, backbone) == ("ade20k/semantic", "r101"):
        name = name.replace("160k", "90k")  # a slip of the authors: it trains 160k
    if (data, backbone) == ("mapillary", "r50"):
        name = name.replace("maskformer2", "maskformer")
    return f"{folder}/{name}"


def test_every_released_mask2former_has_a_config_and_an_entry():
    folder = REPOSITORY / "configs/mask2former"
    known = {
        entry["Name"]: mask2former_zoo_name(entry["Name"]) for entry in MASK2FORMER
    }
    assert len(MASK2FORMER) == 47
    assert sorted(known.values()) == sorted(zoo_names("mask2former"))
    for entry in MASK2FORMER:
        assert entry["Config"] == f"configs/mask2former/{entry['Name']}.py"
        assert (folder / f"{entry['Name']}.py").is_file()
        assert entry["Weights"] == zoo_url(known[entry["Name"]], "mask2former")
        assert entry["Metadata"]["License of Weights"] == "CC BY-NC 4.0"
        assert entry["Metadata"]["Batch Size"] == 16


@pytest.mark.parametrize("entry", MASK2FORMER, ids=by_name)
def test_scores_of_mask2former_stand_in_the_table_of_models(entry):
    lines = (REPOSITORY / "docs/models.md").read_text(encoding="utf-8").splitlines()
    (row,) = (x for x in lines if f"/{entry['Name']}.py)" in x and x.startswith("|"))
    for value in entry["Results"][0]["Metrics"].values():
        assert re.search(rf"(?<![\d.]){value}(?![\d.])", row), value


@pytest.mark.parametrize("group", RELEASED)
def test_every_released_file_has_its_folder_and_identity(group):
    folder, identities = RELEASED[group]
    names = [x for x in zoo_names() if x.split("/")[0] == group]
    assert [zoo_url(x) for x in names] == [
        f"{URL}/{folder}/{name.rpartition('/')[2]}/model_final_{identity}.pkl"
        for name, identity in zip(names, identities.split(), strict=True)
    ]


def test_every_released_model_has_a_config_and_an_entry():
    wanted = set(zoo_names())
    leaves = [
        x.stem
        for folder in FOLDERS
        for x in (REPOSITORY / "configs" / folder).glob("*.py")
    ]
    names = {x: zoo_name(x) for x in leaves}
    released = {x for x, name in names.items() if name in wanted}
    assert {names[x] for x in released} == wanted
    assert {entry["Name"] for entry in ENTRIES} == released
    assert len(released) == 16 + 8 + 6  # semantic, panoptic, per-pixel


@pytest.mark.parametrize("entry", ENTRIES, ids=by_name)
def test_an_entry_says_what_its_config_says(entry):
    config = Config.fromfile(REPOSITORY / entry["Config"])
    assert Path(entry["Config"]).stem == entry["Name"]
    meta, (result,) = entry["Metadata"], entry["Results"]
    assert meta["Batch Size"] == config.auto_scale_lr.base_batch_size
    assert meta["Training Data"] == result["Dataset"]
    (owner,) = (x for x in OWNERS if entry["Weights"].startswith(x))
    assert meta["License of Weights"] == OWNERS[owner]


@pytest.mark.parametrize(
    "entry", [x for x in ENTRIES if x not in OPENMMLAB], ids=by_name
)
def test_the_authors_file_is_that_of_the_config(entry):
    assert entry["Weights"] == zoo_url(zoo_name(entry["Name"]))
    row = paper(entry["Name"])
    for metric, value in entry["Results"][0]["Metrics"].items():
        assert row[HEADINGS.get(metric, metric)] == str(value), metric
    if "PQ" in row:
        assert set(row) & set(PANOPTIC) == set(entry["Results"][0]["Metrics"])


def paper(name):
    """A config's row in docs/models.md, by heading, without spreads."""
    lines = (REPOSITORY / "docs/models.md").read_text(encoding="utf-8").splitlines()
    place = next(i for i, line in enumerate(lines) if f"{name}.py) |" in line)
    header = next(x for x in reversed(lines[:place]) if x.startswith("| model |"))
    cells = (line.strip("| ").split(" | ") for line in (header, lines[place]))
    return {key: value.split(" ± ")[0] for key, value in zip(*cells, strict=True)}


@pytest.mark.parametrize("entry", OPENMMLAB, ids=by_name)
def test_openmmlabs_file_is_that_of_its_own_metafile(entry):
    folder = Path(mmseg.__file__).parent / ".mim/configs/maskformer"
    rows = yaml.safe_load((folder / "metafile.yaml").read_text())["Models"]
    # its names put the stride or a decoder behind the backbone
    plain = {re.sub("-d32|_upernet", "", row["Name"]): row for row in rows}
    row = plain[entry["Name"]]
    tail = "/mmsegmentation/v0.5/"  # the fork has a mirror of its own
    assert entry["Weights"].split(tail)[1] == row["Weights"].split(tail)[1]
    assert entry["Results"][0]["Metrics"] == row["Results"]["Metrics"]


def test_openmmlabs_files_come_with_the_option_that_they_need():
    assert len(OPENMMLAB) == 4
    for entry in OPENMMLAB:
        option = entry["Metadata"]["Options"].removeprefix("--cfg-options ")
        key, value = option.split("=")
        config = Config.fromfile(REPOSITORY / entry["Config"])
        config.merge_from_dict({key: yaml.safe_load(value)})
        assert config.model.decode_head.mask_padding is True
    others = [x for x in ENTRIES if x not in OPENMMLAB]
    assert not any("Options" in entry["Metadata"] for entry in others)
