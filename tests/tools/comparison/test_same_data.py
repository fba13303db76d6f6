"""Which configs are evaluated on the same data."""

from __future__ import annotations

import pytest

from comparison import config as settings
from comparison.same_data import check_same_data
from mmseg_maskformer.datasets.camvid import CamVidDataset
from tests.conftest import REPOSITORY
from tests.helpers.host_configs import host_config

CONFIGS = REPOSITORY / "configs"
CAMVID = "maskformer/maskformer_r18_1xb4-4k_camvid-256x256"


def read(name, options=None):
    return settings.comparable_config(str(CONFIGS / f"{name}.py"), options)


@pytest.mark.mmdet
def test_the_hosts_coco_is_the_same_data_as_ours(monkeypatch):
    monkeypatch.delenv("MASKFORMER_DATA", raising=False)
    ours = read("maskformer/maskformer_r50-6enc_64xb1-554k_coco-panoptic")
    path = host_config("mmdet", "maskformer/maskformer_r50_ms-16xb1-75e_coco.py")
    host = settings.comparable_config(str(path), training=False)
    check_same_data([ours, host])
    host.val_dataloader.dataset.ann_file = "annotations/panoptic_train2017.json"
    with pytest.raises(ValueError, match=r"dataset\.ann_file is .*val2017\.json in"):
        check_same_data([ours, host])
    demo = read("demo/maskformer_tiny_scenes")
    with pytest.raises(
        ValueError, match="one kind of config, got panoptic .* semantic"
    ):
        check_same_data([ours, demo])


def test_data_of_two_configs_must_be_the_same():
    demo, camvid = read("demo/maskformer_tiny_scenes"), read(CAMVID)
    moved = read("peers/mmseg-upernet_tiny_scenes")
    moved.val_dataloader.dataset.update(data_root="", test_mode=True)
    check_same_data([demo, moved])
    other = r"type is ScenesDataset in .*tiny_scenes.py and CamVidDataset in .*camvid"
    with pytest.raises(ValueError, match=other):
        check_same_data([demo, moved, camvid])
    moved.val_dataloader.dataset.num_images = 3
    with pytest.raises(ValueError, match="num_images is 200 in .* and 3 in"):
        check_same_data([demo, moved])


@pytest.mark.parametrize(
    ("key", "default", "other", "sentence"),
    [
        ("indices", None, 50, "indices is None in .* and 50 in"),
        ("reduce_zero_label", False, True, "reduce_zero_label is False in .* and True"),
        (
            "metainfo",
            dict(classes=CamVidDataset.METAINFO["classes"]),
            dict(classes=("sky", "road")),
            r"metainfo\.classes is \['sky', 'building', .* and \['sky', 'road'\] in",
        ),
    ],
)
def test_what_one_config_does_not_say_is_what_its_data_set_does(
    key, default, other, sentence
):
    plain, *told = (
        read(CAMVID, {f"val_dataloader.dataset.{key}": value} if value != "" else {})
        for value in ("", default, other)
    )
    check_same_data([plain, told[0]])
    with pytest.raises(ValueError, match=sentence):
        check_same_data([plain, told[1]])


def test_a_data_set_is_in_one_folder(tmp_path, monkeypatch):
    """By whatever name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("mine")
    one, same, other = (
        read(CAMVID, {"val_dataloader.dataset.data_root": x})
        for x in ("mine", f"{tmp_path}/link/", "camvid")
    )
    check_same_data([one, same])
    message = rf"data_root is {tmp_path}/mine in .*, or give both the same by --cfg-op"
    with pytest.raises(ValueError, match=message):
        check_same_data([one, other])


def test_names_of_classes_may_stand_in_a_file(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("\n".join(CamVidDataset.METAINFO["classes"]) + "\n")
    named = read(CAMVID, {"val_dataloader.dataset.metainfo": dict(classes=str(path))})
    check_same_data([read(CAMVID), named])


def test_a_default_is_that_of_the_data_set(monkeypatch):
    """MMSegmentation's ADE20K numbers its classes from 1 without being told."""
    monkeypatch.delenv("MASKFORMER_DATA", raising=False)
    ours = read("maskformer/maskformer_r50_8xb2-160k_ade20k-512x512")
    path = host_config("mmseg", "pspnet/pspnet_r50-d8_4xb4-160k_ade20k-512x512.py")
    host = settings.comparable_config(str(path))
    check_same_data([ours, host])
    ours.val_dataloader.dataset.reduce_zero_label = False
    with pytest.raises(ValueError, match="zero_label is False in .* and True in"):
        check_same_data([ours, host])


def test_joined_data_are_compared_one_by_one():
    demo, moved = (
        read("demo/maskformer_tiny_scenes"),
        read("peers/mmseg-upernet_tiny_scenes"),
    )
    for config, number in ((demo, 200), (moved, 3)):
        one = config.val_dataloader.dataset
        again = dict(one, num_images=number)
        config.val_dataloader.dataset = dict(
            type="ConcatDataset", datasets=[one, again]
        )
    one.update(test_mode=True)
    with pytest.raises(ValueError, match=r"datasets\.1\.num_images is 200 in .* 3 in"):
        check_same_data([demo, moved])
    again["num_images"] = 200
    moved.val_dataloader.dataset.datasets[1] = again
    check_same_data([demo, moved])
    moved.val_dataloader.dataset.datasets.pop()
    with pytest.raises(ValueError, match=r"datasets is {'type': 'ConcatDataset', "):
        check_same_data([demo, moved])
