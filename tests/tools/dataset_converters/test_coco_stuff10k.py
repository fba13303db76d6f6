"""COCO-Stuff 10K: from MATLAB files of either kind to samples of the host."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from dataset_converters.coco_stuff10k import (
    prepare_coco_stuff10k,
    read_field,
)
from tests.datasets import prepared
from tests.scripts import run_script

TOOL = "dataset_converters/coco_stuff10k.py"
NUMBERS = np.uint8([[1, 2, 3], [82, 172, 2]])  # 1 unlabelled, 2 person, 172 wood
LABELS = [[255, 0, 1], [80, 170, 0]]


def write_hdf5(path, **fields):
    """A file of MATLAB 7.3: 512 bytes of its own, then HDF5 with columns as rows."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in fields.items():
            file[name] = values.T
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(128))


def write_mat(path, **fields):
    """A file of MATLAB 5 with the other fields of the release."""
    savemat(path, dict(fields, names=np.array(["unlabeled", "person"], object)))


def write_doubles(path, **fields):
    write_mat(path, **{name: values.astype(float) for name, values in fields.items()})


@pytest.fixture(params=[write_hdf5, write_mat, write_doubles])
def write(request):
    return request.param


def release(root, write, numbers=NUMBERS):
    """Two images for training, one for tests."""
    for folder in ("images", "annotations", "imageLists"):
        (root / folder).mkdir()
    names = [f"COCO_train2014_{k:012d}" for k in (9, 30, 77)]
    for name in names:
        image = Image.new("RGB", numbers.shape[::-1], (90, 90, 90))
        image.save(root / "images" / f"{name}.jpg")
        write(root / "annotations" / f"{name}.mat", S=numbers)
    (root / "imageLists" / "train.txt").write_text("\n".join(names[:2]) + "\n")
    (root / "imageLists" / "test.txt").write_text(f"{names[2]}\r\n")
    return root


def dataset(root, split):
    return prepared.prepared("COCOStuffDataset", root, split, seg_map_suffix=".png")


def test_release_becomes_samples_of_the_host(tmp_path, write, monkeypatch, capsys):
    root = release(tmp_path, write)
    run_script(monkeypatch, TOOL, root)
    printed = capsys.readouterr().out
    report = (
        "images, each with a label map of its size; every label is within 0..170 or "
        "255 (ignored), and 4 of the 171 classes occur."
    )
    assert f"train: 2 {report}\ntest: 1 {report}\n" in printed
    found = {split: dataset(root, split) for split in ("train", "test")}
    names = [sample["img_path"][-6:-4] for sample in found["train"]]
    assert names == ["09", "30"]
    for sample in (*found["train"], *found["test"]):
        assert sample["gt_seg_map"].tolist() == LABELS
        assert np.abs(sample["img"].astype(int) - 90).max() <= 1
    assert len(found["test"]) == 1


def test_classes_of_the_host_are_in_the_order_of_the_release(tmp_path):
    root = release(tmp_path, write_mat)
    prepare_coco_stuff10k(root)
    classes = dataset(root, "train").metainfo["classes"]
    assert len(classes) == 171
    # 2 and 81 are the first and last thing, 82 and 172 the first and last stuff
    ends = [classes[number - 2] for number in (2, 81, 82, 172)]
    assert ends == ["person", "toothbrush", "banner", "wood"]
    assert list(classes[80:]) == sorted(classes[80:])  # stuff is alphabetical


@pytest.mark.parametrize("number", [0, 173])
def test_other_versions_are_refused(tmp_path, number):
    numbers = NUMBERS.copy()
    numbers[0, 0] = number
    root = release(tmp_path, write_mat, numbers)
    message = r"0009\.mat holds the labels \d+\.\.\d+; version 1.0 of COCO-Stuff 10K"
    with pytest.raises(ValueError, match=message):
        prepare_coco_stuff10k(root)


def test_matrix_of_another_size_names_both_files(tmp_path):
    root = release(tmp_path, write_mat)
    write_mat(root / "annotations" / "COCO_train2014_000000000077.mat", S=NUMBERS.T)
    with pytest.raises(ValueError, match=r"77\.mat has 3 x 2 .*77\.jpg has 2 x 3"):
        prepare_coco_stuff10k(root)


def test_file_without_the_matrix_is_named(tmp_path, write):
    write(tmp_path / "a.mat", T=NUMBERS)
    with pytest.raises(OSError, match=r"a\.mat holds no matrix S"):
        read_field(tmp_path / "a.mat", "S")


def test_incomplete_file_is_named(tmp_path, write):
    path = tmp_path / "a.mat"
    write(path, S=np.arange(9000).reshape(90, 100))
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(OSError, match=r"a\.mat cannot be read \("):
        read_field(path, "S")


def test_missing_files_are_named(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match=r"imageLists/train\.txt does not exist"):
        run_script(monkeypatch, TOOL, tmp_path)
    root = release(tmp_path, write_mat)
    for part in ("images/COCO_train2014_000000000030.jpg", "imageLists/test.txt"):
        (root / part).unlink()
        with pytest.raises(SystemExit, match=f"{part} does not exist"):
            run_script(monkeypatch, TOOL, root)


def test_empty_list_is_named(tmp_path):
    root = release(tmp_path, write_mat)
    (root / "imageLists" / "test.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"test\.txt names no image"):
        prepare_coco_stuff10k(root)


def test_missing_h5py_is_a_sentence(tmp_path, monkeypatch):
    root = release(tmp_path, write_hdf5)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(SystemExit, match=r"0009\.mat is an HDF5 .*pip install h5py"):
        run_script(monkeypatch, TOOL, root)
